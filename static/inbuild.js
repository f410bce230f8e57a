// Loaded in <head> before the style sheets, so that the theme stands before the first paint. Everything here is an
// enhancement: each page works without it. Handlers sit on the document because parts of a page are replaced.
(function () {
  "use strict";

  // --- theme: follows the system until a person chooses, and again when they choose what the system has ---------
  var root = document.documentElement;
  var system = window.matchMedia("(prefers-color-scheme: dark)");

  function chosen() {
    try {
      return localStorage.getItem("theme");
    } catch (error) {
      return null;
    }
  }

  function theme() {
    return chosen() || (system.matches ? "dark" : "light");
  }

  function showTheme() {
    var other = theme() === "dark" ? "light" : "dark";
    root.setAttribute("data-bs-theme", theme());
    document.querySelectorAll(".theme-button").forEach(function (button) {
      button.querySelector(".theme-words").textContent = "Use the " + other + " theme";
    });
  }

  function switchTheme() {
    var wanted = theme() === "dark" ? "light" : "dark";
    try {
      if (wanted === (system.matches ? "dark" : "light")) localStorage.removeItem("theme");
      else localStorage.setItem("theme", wanted);
    } catch (error) {
      root.setAttribute("data-bs-theme", wanted);
      return;
    }
    showTheme();
  }

  root.classList.add("js");
  showTheme();
  system.addEventListener("change", showTheme);
  window.addEventListener("storage", showTheme);
  document.addEventListener("DOMContentLoaded", showTheme);

  // --- the live region: one sentence, read out and shown when it is about a failure --------------------------------
  var FAILED = "inBuild could not be reached. Nothing was changed. Check your connection and try again.";
  var said = {};

  function say(words) {
    var region = document.getElementById("live-words");
    if (region && region.textContent !== words) region.textContent = words;
  }

  function fail(words) {
    var region = document.getElementById("live-failure");
    if (!region || region.textContent === words) return;
    region.textContent = words;
    region.className = words ? "live notice tone-bad" : "live";
    // An earlier "Saved." must not stand beside a failure.
    if (words) {
      document.querySelectorAll(".saved[role=status]").forEach(function (saved) {
        saved.remove();
      });
    }
  }

  function noteWords(element) {
    if (element.id && element.dataset.announce !== undefined) said[element.id] = element.dataset.announce;
  }

  document.addEventListener("DOMContentLoaded", function () {
    document.querySelectorAll("[data-announce]").forEach(noteWords);
  });

  // --- htmx -----------------------------------------------------------------------------------------------------------
  function isPolling(element) {
    return (element.getAttribute("hx-trigger") || "").indexOf("every") === 0;
  }

  document.addEventListener("htmx:beforeRequest", function (event) {
    if (document.hidden && isPolling(event.detail.elt)) event.preventDefault();
  });

  // Filters left empty do not belong into the address.
  document.addEventListener("htmx:configRequest", function (event) {
    if (event.detail.verb !== "get") return;
    Array.from(event.detail.formData.entries()).forEach(function (entry) {
      if (entry[1] === "" || (entry[0] === "tab" && entry[1] === "all")) event.detail.formData.delete(entry[0]);
    });
  });

  // A whole page instead of a part means that the session ended or the address moved: go there as a page.
  document.addEventListener("htmx:beforeSwap", function (event) {
    var boosted = event.detail.target === document.body;
    if (!boosted && !event.detail.elt.hasAttribute("hx-select") && /^\s*<!doctype/i.test(event.detail.serverResponse)) {
      event.detail.shouldSwap = false;
      window.location.reload();
    }
  });

  document.addEventListener("htmx:afterSwap", function (event) {
    var target = event.detail.target || event.detail.elt;
    var element = document.getElementById(target.id) || target;
    fail("");
    if (!element || !element.id) return;
    var words = element.dataset.announce;
    if (words !== undefined && said[element.id] !== words) {
      say(words);
      if (["bill-card", "sent-card"].includes(element.id)) window.htmx.trigger(document.body, "billmoved");
    }
    noteWords(element);
  });

  // The pressed button may be gone with its part of the page: then the focus goes to what took the part's place.
  var left = "";

  document.addEventListener("htmx:beforeSwap", function (event) {
    var target = event.detail.target;
    left = target && target.id && target.contains(document.activeElement) ? target.id : "";
  });

  document.addEventListener("htmx:afterSettle", function () {
    var place = left && document.getElementById(left);
    left = "";
    if (!place || document.activeElement !== document.body) return;
    var heading = place.querySelector("h1, h2, h3") || place;
    heading.setAttribute("tabindex", "-1");
    heading.focus();
  });

  document.addEventListener("htmx:sendError", function () {
    fail(FAILED);
  });
  document.addEventListener("htmx:timeout", function () {
    fail(FAILED);
  });
  document.addEventListener("htmx:responseError", function (event) {
    var status = event.detail.xhr.status;
    if (status === 404) fail("This is no longer there. Reload the page.");
    else fail("Something went wrong on our side (" + status + "). What you see has not been changed. Try again.");
  });

  // --- menus and keys ----------------------------------------------------------------------------------------------------
  document.addEventListener("click", function (event) {
    var target = event.target;
    document.querySelectorAll("details.popup[open]").forEach(function (popup) {
      if (!popup.contains(target)) popup.open = false;
    });
    if (target.closest(".theme-button")) switchTheme();
    if (target.closest(".key-button")) switchKey();
    var button = target.closest(".menu-button");
    if (button) {
      var isOpen = document.getElementById("topbar-menu").classList.toggle("is-open");
      button.setAttribute("aria-expanded", String(isOpen));
    }
    var keep = target.closest(".confirm-keep");
    if (keep) {
      var confirm = keep.closest("details");
      confirm.open = false;
      confirm.querySelector("summary").focus();
    }
  });

  // The "/" key can be switched off: it gets in the way of people who dictate (WCAG 2.1.4).
  function keyIsOn() {
    try {
      return localStorage.getItem("search-key") !== "off";
    } catch (error) {
      return true;
    }
  }

  function showKey() {
    document.querySelectorAll(".key-words").forEach(function (words) {
      words.textContent = (keyIsOn() ? "Turn off" : "Turn on") + " the / and arrow keys";
    });
  }

  function switchKey() {
    try {
      localStorage.setItem("search-key", keyIsOn() ? "off" : "on");
    } catch (error) {
      return;
    }
    showKey();
  }

  document.addEventListener("DOMContentLoaded", showKey);
  document.addEventListener("keydown", function (event) {
    if (event.key === "Escape") {
      document.querySelectorAll("details.popup[open]").forEach(function (popup) {
        popup.open = false;
        popup.querySelector("summary").focus();
      });
      return;
    }
    var typing = event.target.closest("input, textarea, select, [contenteditable]");
    var search = document.querySelector("input[type=search]");
    if (event.key === "/" && keyIsOn() && search && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      search.focus();
      search.select();
    }
  });

  // In a list of rows the arrows go from one to the next, and Enter opens it, for its link has the focus. They can be
  // switched off with the / key.
  document.addEventListener("keydown", function (event) {
    var down = event.key === "ArrowDown";
    if ((!down && event.key !== "ArrowUp") || !keyIsOn() || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    var links = Array.from(document.querySelectorAll(".invoices > tbody > tr > th a"));
    if (!links.length) return;
    var row = event.target.closest(".invoices > tbody > tr");
    var search = event.target.matches("input[type=search]");
    // A click beside a row leaves the focus on the page's main part.
    if (!row && !search && !event.target.matches("body, main")) return;
    var at = row ? links.indexOf(row.querySelector("th a")) : -1;
    var next = links[down ? at + 1 : at - 1];
    if (!next) return;
    event.preventDefault();
    next.focus();
    next.scrollIntoView({ block: "nearest" });
  });

  // The box in a table's head chooses or leaves all of the page; what each says for itself follows by its own event.
  document.addEventListener("change", function (event) {
    var form = event.target.form;
    if (!form) return;
    if (event.target.matches(".choose-page")) {
      form.querySelectorAll("input[name=row]:not(:disabled)").forEach(function (box) {
        box.checked = event.target.checked;
      });
    }
    // One by one, after all: then it is no longer all.
    if (event.target.matches("input[name=row], .choose-page") && form.elements.all) form.elements.all.checked = false;
  }, true);

  // The same form twice helps nobody: a second press while the first is under way is dropped.
  document.addEventListener("submit", function (event) {
    if (event.defaultPrevented || event.target.method !== "post") return;
    // A download leaves the page as it is, and may be wanted again.
    if (event.submitter && event.submitter.hasAttribute("data-repeats")) return;
    if (event.target.dataset.sent) event.preventDefault();
    event.target.dataset.sent = "yes";
  });
  window.addEventListener("pageshow", function () {
    document.querySelectorAll("form[data-sent]").forEach(function (form) {
      delete form.dataset.sent;
    });
  });
})();
