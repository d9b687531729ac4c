// Conveniences. Every page works without them.
"use strict";

const STEPS = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];

function relative(milliseconds, now) {
  const seconds = Math.floor(Math.abs(now - milliseconds) / 1000);
  if (seconds === 0) return "now";
  const [name, step] = STEPS.find(([, step]) => seconds >= step);
  const distance = `${Math.floor(seconds / step).toLocaleString("en")} ${name}`;
  return milliseconds > now ? `in ${distance}` : `${distance} ago`;
}

// Times are relative to the node's clock, where the reader's differs from it by more than a minute.
function nodeNow() {
  const strip = document.getElementById("strip");
  const now = Date.now();
  if (strip && strip.dataset.offset === undefined) {
    const offset = Number(strip.dataset.now) - now;
    strip.dataset.offset = Math.abs(offset) > 60000 ? offset : 0;
  }
  return now + Number(strip?.dataset.offset ?? 0);
}

function refreshTimes() {
  const now = nodeNow();
  for (const element of document.querySelectorAll("[data-relative]")) {
    const text = relative(Number(element.dataset.relative), now);
    if (element.textContent !== text) element.textContent = text;
  }
}

async function copy(button, text) {
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    // Without the permission, or on plain http: the reader copies what is selected.
    getSelection().selectAllChildren(button.previousElementSibling ?? button.parentElement);
    button.textContent = "Selected";
  }
  setTimeout(() => { button.textContent = "Copy"; }, 1500);
}

// A button beside each id of the facts; tables stay calm.
function addCopyButtons(root) {
  for (const code of root.querySelectorAll(".facts [data-copy], .raw [data-copy]")) {
    const holder = code.closest("a, pre") ?? code;
    if (holder.nextElementSibling?.classList.contains("copy")) continue;
    const button = document.createElement("button");
    const label = holder.closest("div")?.querySelector("dt")?.firstChild?.textContent.trim();
    button.type = "button";
    button.className = "copy";
    button.textContent = "Copy";
    button.setAttribute("aria-label", `Copy ${label ?? "bytes"}`);
    button.addEventListener("click", () => copy(button, code.textContent));
    holder.after(button);
  }
}

function isTyping(target) {
  return target instanceof HTMLElement && target.closest("input, textarea, select, pre, .scroll");
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
  const neighbour = { ArrowLeft: "previous", ArrowRight: "next" }[event.key];
  if (event.key === "/") {
    event.preventDefault();
    document.getElementById("q").focus();
  } else if (neighbour) {
    document.getElementById(neighbour)?.click();
  }
});

// When the node does not answer, the strip says so until it does again.
function showUnreachable() {
  const state = document.querySelector("#strip strong");
  if (state) state.textContent = "no answer from the node";
  document.getElementById("strip")?.classList.replace("tone-good", "tone-bad");
}

for (const name of ["htmx:sendError", "htmx:timeout", "htmx:responseError"]) {
  document.addEventListener(name, showUnreachable);
}
document.addEventListener("htmx:afterSettle", refreshTimes);

addCopyButtons(document);
refreshTimes();
setInterval(refreshTimes, 1000);
