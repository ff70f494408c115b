/* Static twins of the explorers: native controls over pre-rendered frames. No kernel, no network, no library.
   The page holds the first frame and its words, so that it says something without this script, too. */
"use strict";
(function () {
  function start(twin) {
    var data = JSON.parse(twin.querySelector("script.twin-data").textContent);
    var picture = twin.querySelector(".twin-picture");
    var words = twin.querySelector(".twin-words");
    var controls = Array.prototype.slice.call(twin.querySelectorAll("[data-axis]"));
    var shown = -1;
    var ready = {};

    function frame() {
      var index = 0;
      data.axes.forEach(function (axis, place) {
        index = index * axis.values.length + Number(controls[place].value);
      });
      return index;
    }

    function load(index) {
      if (!ready[index]) {
        ready[index] = new Image();
        ready[index].src = data.folder + data.frames[index].file;
      }
      return ready[index];
    }

    function show() {
      controls.forEach(function (control, place) {
        if (control.type === "range") {
          var said = data.axes[place].values[Number(control.value)];
          control.setAttribute("aria-valuetext", said);
          control.parentNode.querySelector("output").textContent = said;
        }
      });
      var index = frame();
      if (index === shown) {
        return;
      }
      shown = index;
      var next = load(index);
      var swap = function () {
        if (shown !== index) { return; } // a later wish has overtaken this one
        picture.src = next.src;
        picture.alt = data.frames[index].words;
        words.textContent = data.frames[index].words;
        twin.dataset.frame = String(index);
      };
      if (next.complete) { swap(); } else { next.onload = swap; next.onerror = swap; }
    }

    function ahead() { // neighbours on every axis, so that the next step does not blink
      var stride = 1;
      for (var place = data.axes.length - 1; place >= 0; place -= 1) {
        [-stride, stride].forEach(function (step) {
          if (data.frames[shown + step]) { load(shown + step); }
        });
        stride *= data.axes[place].values.length;
      }
    }

    controls.forEach(function (control) {
      control.addEventListener("input", function () { show(); ahead(); });
      control.addEventListener("focus", ahead);
    });
    twin.querySelector(".twin-reset").addEventListener("click", function () {
      controls.forEach(function (control, place) { control.value = String(data.axes[place].start); });
      show();
    });
    // A browser that comes back to a page restores the controls; the picture must follow them.
    show();
  }

  function all() { document.querySelectorAll(".twin").forEach(start); }
  if (document.readyState === "loading") { document.addEventListener("DOMContentLoaded", all); } else { all(); }
})();
