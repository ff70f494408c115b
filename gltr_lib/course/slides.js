// Slides by keyboard, button or touch; without this script they are a page to scroll. No library, no network.
(() => {
  const root = document.documentElement, slides = [...document.querySelectorAll(".slide")];
  const notes = [...document.querySelectorAll("aside.notes")], said = document.getElementById("said");
  let now = 0, open = false;
  root.classList.add("js");
  const fit = () => {
    const scale = Math.min(innerWidth / 1280, innerHeight / 720);
    slides.forEach((s) => { s.style.transform = `translate(-50%, -50%) scale(${scale})`; });
  };
  const squeeze = (slide) => {  // what is too much for a slide is set smaller, as far as the last row can read; then it scrolls
    const body = slide.querySelector(".body");
    if (!body || slide.dataset.squeezed) return;
    slide.dataset.squeezed = "1";
    const full = () => body.scrollHeight > body.clientHeight + 1 || body.scrollWidth > body.clientWidth + 1;
    for (let size = 0.95; size > 0.64 && full(); size -= 0.05) body.style.zoom = size;
  };
  const go = (to, quiet) => {
    now = Math.max(0, Math.min(slides.length - 1, to));
    slides.forEach((s, i) => s.classList.toggle("now", i === now));
    notes.forEach((n, i) => n.classList.toggle("open", open && i === now));
    squeeze(slides[now]);
    history.replaceState(null, "", `#${now + 1}`);
    if (!quiet) said.textContent = `Slide ${now + 1} of ${slides.length}: ${slides[now].getAttribute("aria-label")}`;
  };
  const keys = {
    ArrowRight: () => go(now + 1), PageDown: () => go(now + 1), " ": () => go(now + 1), ArrowDown: () => go(now + 1),
    ArrowLeft: () => go(now - 1), PageUp: () => go(now - 1), ArrowUp: () => go(now - 1),
    Home: () => go(0), End: () => go(slides.length - 1), n: () => { open = !open; go(now); },
    f: () => (document.fullscreenElement ? document.exitFullscreen() : root.requestFullscreen()),
  };
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !keys[event.key]) return;
    if (event.key === " " && event.target.closest("button, a")) return;
    event.preventDefault();
    keys[event.key]();
  });
  document.querySelectorAll("nav.keys button").forEach((b) => b.addEventListener("click", () => keys[b.dataset.key]()));
  addEventListener("resize", fit);
  addEventListener("hashchange", () => go(parseInt(location.hash.slice(1), 10) - 1 || 0));
  addEventListener("beforeprint", () => slides.forEach((s, i) => {  // a hidden slide measures 0: show each while it is set
    s.classList.add("now");
    squeeze(s);
    s.classList.toggle("now", i === now);
  }));
  fit();
  go((parseInt(location.hash.slice(1), 10) || 1) - 1, true);
})();
