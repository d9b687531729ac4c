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
let clockOffset = 0;

function takeClock() {
  const facts = document.querySelector("#strip .strip-facts");
  const offset = Number(facts?.dataset.now ?? Date.now()) - Date.now();
  clockOffset = Math.abs(offset) > 60000 ? offset : 0;
}

function nodeNow() {
  return Date.now() + clockOffset;
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
  for (const code of root.querySelectorAll(":is(.facts, .raw, .command, .drawer) [data-copy]")) {
    const holder = code.closest("a, pre") ?? code;
    if (holder.nextElementSibling?.classList.contains("copy")) continue;
    const button = document.createElement("button");
    const label = code.dataset.label ?? holder.closest("div")?.querySelector("dt")?.firstChild?.textContent.trim();
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

// ---- Live: a socket tells of each final block. What is new waits until the reader asks for it.

const SILENCE_MS = 40000; // The node says something every 15 s; after this the connection is dead.
const RETRY_MS_MAX = 30000;
const ROWS_WAITING_MAX = 25;

const live = { socket: null, tries: 0, retry: 0, silence: 0, isPaused: false, seq: 0, rows: new Map() };

function facts() {
  return document.querySelector("#strip .strip-facts");
}

function showState(word, tone) {
  const strip = facts();
  if (!strip) return;
  strip.className = `strip-facts tone-${tone}`;
  strip.querySelector("strong").textContent = word;
}

// A chain goes stale while nothing is said, so the page's own clock has to notice.
function showAge() {
  const strip = facts();
  if (live.socket?.readyState !== WebSocket.OPEN || !strip) return;
  const [final, now] = [Number(strip.dataset.final), nodeNow()];
  if (now - final > Number(strip.dataset.stale)) {
    showState(`stale for ${relative(final, now).replace(" ago", "")}`, "bad");
  }
}

function connect() {
  clearTimeout(live.retry);
  if (live.isPaused || live.socket) return;
  const address = new URL("/live", location.href);
  address.protocol = address.protocol.replace("http", "ws");
  const socket = new WebSocket(address);
  live.socket = socket;
  socket.onmessage = (event) => take(JSON.parse(event.data));
  socket.onclose = () => {
    if (live.socket !== socket) return;
    live.socket = null;
    clearTimeout(live.silence);
    if (!live.isPaused) retryLater();
  };
}

// All pages of a node that restarts come back, so not all at once.
function retryLater() {
  showState("reconnecting", "wait");
  const most = Math.min(RETRY_MS_MAX, 1000 * 2 ** live.tries++);
  live.retry = setTimeout(async () => {
    await refreshStrip();
    connect();
  }, most * (0.5 + Math.random() / 2));
}

async function refreshStrip() {
  try {
    const answer = await fetch("/fragments/strip");
    const fresh = parsed(await answer.text()).querySelector(".strip-facts");
    if (fresh) facts()?.replaceWith(fresh);
    takeClock();
    showState("reconnecting", "wait");
  } catch {
    showState("no answer from the node", "bad");
  }
}

function parsed(html) {
  return new DOMParser().parseFromString(html, "text/html");
}

function take(news) {
  live.tries = 0;
  clearTimeout(live.silence);
  live.silence = setTimeout(() => live.socket?.close(), SILENCE_MS);
  // A number that was skipped is a gap: the rows in between never came.
  if (live.seq && news.seq !== live.seq && news.seq !== live.seq + 1) live.rows.clear();
  live.seq = news.seq;
  document.getElementById("strip")?.setAttribute("data-heard", news.seq);
  for (const row of news.rows) live.rows.set(row.height, row.html);
  for (const height of live.rows.keys()) {
    if (height <= news.height - ROWS_WAITING_MAX) live.rows.delete(height);
  }
  const strip = facts();
  if (strip) strip.outerHTML = news.strip;
  takeClock();
  const health = document.querySelector("[data-health]");
  if (health) health.outerHTML = news.health;
  for (const count of document.querySelectorAll("[data-count]")) {
    count.textContent = news.totals[count.dataset.count].toLocaleString("en");
  }
  for (const part of document.querySelectorAll("[data-live]")) offer(part, news);
  refreshTimes();
  if (news.kind === "blocks") document.body.dispatchEvent(new CustomEvent("final"));
}

// Says how much is new in a part of the page; a part of kind "page" is replaced at once.
function offer(part, news) {
  const kind = part.dataset.live;
  const blocks = news.height - Number(part.dataset.height);
  if (kind === "page") {
    if (blocks > 0) refetch(part);
    return;
  }
  if (blocks <= 0 || !part.totals) part.totals = news.totals;
  const count = kind === "blocks" ? blocks : news.totals[kind] - part.totals[kind];
  const bar = part.querySelector(".news");
  bar.hidden = count <= 0;
  if (count <= 0) return;
  const noun = count === 1 ? kind.slice(0, -1) : kind;
  const button = bar.querySelector("button");
  button.textContent = `${count.toLocaleString("en")} new ${noun}, show`;
  button.onclick = () => show(part, news.height);
}

// New blocks go in as the rows that were sent; where one is missing, the list is asked for anew.
function show(part, height) {
  const heights = [];
  for (let at = Number(part.dataset.height) + 1; at <= height; at += 1) heights.push(at);
  const body = part.querySelector("tbody");
  if (!("rows" in part.dataset) || !body || !heights.every((at) => live.rows.has(at))) {
    return refetch(part);
  }
  const there = body.querySelector("tr a")?.getAttribute("href");
  for (const at of heights) {
    if (there !== `/blocks/${at}`) body.insertAdjacentHTML("afterbegin", live.rows.get(at));
  }
  part.dataset.height = height;
  part.querySelector(".news").hidden = true;
  settle(part);
}

async function refetch(part) {
  const button = part.querySelector(".news-show");
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    const fresh = parsed(await answer.text()).querySelector(`[data-live="${part.dataset.live}"]`);
    if (!fresh) return location.reload();
    part.replaceWith(fresh);
    settle(fresh, part.dataset.live !== "page");
  } catch {
    button.textContent = "The node does not answer; try again";
  }
}

function settle(part, takesFocus = true) {
  addCopyButtons(part);
  refreshTimes();
  window.htmx?.process(part);
  if (takesFocus) part.querySelector(".live-part")?.focus({ preventScroll: true });
}

function disconnect() {
  const socket = live.socket;
  live.socket = null;
  clearTimeout(live.retry);
  clearTimeout(live.silence);
  socket?.close();
}

function pause() {
  live.isPaused = !live.isPaused;
  document.getElementById("pause").textContent = live.isPaused ? "Resume" : "Pause";
  if (!live.isPaused) return connect();
  disconnect();
  showState("paused", "neutral");
}

const button = document.getElementById("pause");
if (button) {
  button.hidden = false;
  button.addEventListener("click", pause);
}
// A page that is kept for the back button holds no connection meanwhile.
addEventListener("pagehide", disconnect);
addEventListener("pageshow", (event) => { if (event.persisted) connect(); });
addEventListener("online", () => connect());

// What few readers want is loaded when one begins to use it, and what was clicked meanwhile is done.
function loadWhenUsed(holder) {
  let loading;
  let isReady = false;
  const attach = async () => {
    (await import(holder.dataset.module)).attach(holder);
    isReady = true;
  };
  const load = () => (loading ??= attach().catch(() => { loading = undefined; }));
  for (const part of holder.querySelectorAll("[data-scripted]")) part.hidden = false;
  for (const name of ["pointerover", "focusin", "dragenter", "change"]) {
    holder.addEventListener(name, load);
  }
  holder.addEventListener("click", async (event) => {
    const clicked = event.target.closest("button");
    if (isReady || !clicked) return;
    event.preventDefault();
    await load();
    if (isReady) clicked.click();
  });
}

document.querySelectorAll("[data-module]").forEach(loadWhenUsed);
document.addEventListener("htmx:afterSettle", refreshTimes);

takeClock();
addCopyButtons(document);
refreshTimes();
setInterval(() => { refreshTimes(); showAge(); }, 1000);
connect();
