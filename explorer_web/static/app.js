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

// Says to who does not see the page what changed on it.
function tell(text) {
  const told = document.getElementById("told");
  if (!told) return;
  // The same words again are heard only if they differ.
  told.textContent = told.textContent === text ? `${text}\u00a0` : text;
}

async function copy(button, text, label) {
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    // Without the permission, or on plain http: the reader copies what is selected.
    getSelection().selectAllChildren(button.previousElementSibling ?? button.parentElement);
    button.textContent = "Selected";
  }
  tell(`${button.textContent}: ${label}`);
  setTimeout(() => { button.textContent = "Copy"; }, 1500);
}

// A button beside each id of the facts; tables stay calm.
function addCopyButtons(root) {
  for (const code of root.querySelectorAll(":is(.facts, .raw, .command, .drawer) [data-copy]")) {
    const holder = code.closest("a, pre") ?? code;
    if (holder.nextElementSibling?.classList.contains("copy")) continue;
    const button = document.createElement("button");
    const name = code.dataset.label ?? holder.closest("div")?.querySelector("dt")?.firstChild?.textContent.trim();
    const label = name ?? "bytes";
    button.type = "button";
    button.className = "copy";
    button.textContent = "Copy";
    button.setAttribute("aria-label", `Copy ${label}`);
    button.addEventListener("click", () => copy(button, code.textContent, label));
    holder.after(button);
  }
}

function isTyping(target) {
  return target instanceof HTMLElement && target.closest("input, textarea, select, pre, .scroll");
}

// Arrows walk through what the search box suggests; Escape puts it away.
function walkSuggestions(event) {
  const search = event.target.closest?.(".search");
  const links = search ? [...search.querySelectorAll(".suggestions a")] : [];
  const step = { ArrowDown: 1, ArrowUp: -1, Escape: 0 }[event.key];
  if (links.length === 0 || step === undefined) return;
  event.preventDefault();
  const ring = [search.querySelector("input"), ...links];
  if (step === 0) search.querySelector(".suggestions").replaceChildren();
  const at = step === 0 ? 0 : ring.indexOf(document.activeElement) + step;
  ring.at(at % ring.length).focus();
}

document.addEventListener("keydown", (event) => {
  walkSuggestions(event);
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
const TOLD_AGAIN_MS = 30000; // Counts of what is new are read out no more often than this.

const live = {
  socket: null, tries: 0, retry: 0, silence: 0, isPaused: false, seq: 0, rows: new Map(),
  state: "", told: 0,
};

function facts() {
  return document.querySelector("#strip .strip-facts");
}

function showState(word, tone) {
  const strip = facts();
  if (!strip) return;
  strip.className = `strip-facts tone-${tone}`;
  strip.querySelector("strong").textContent = word;
  tellState();
}

// The seconds of a stale chain go on; that it is stale is told once.
function tellState() {
  const state = facts()?.querySelector("strong").textContent.replace(/ for .*/, "") ?? "";
  if (live.state && state !== live.state) tell(`Status: ${state}`);
  live.state = state;
}

// Makes an element like another in its place, so that what has the focus keeps it.
function become(old, fresh) {
  const [before, after] = [[...old.childNodes], [...fresh.childNodes]];
  if (old.nodeName !== fresh.nodeName || before.length !== after.length) return old.replaceWith(fresh);
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data;
    return;
  }
  for (const name of old.getAttributeNames()) if (!fresh.hasAttribute(name)) old.removeAttribute(name);
  for (const { name, value } of fresh.attributes) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  before.forEach((child, at) => become(child, after[at]));
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
    showStrip(await answer.text());
    showState("reconnecting", "wait");
  } catch {
    showState("no answer from the node", "bad");
  }
}

function parsed(html) {
  return new DOMParser().parseFromString(html, "text/html");
}

function showStrip(html) {
  const [strip, fresh] = [facts(), parsed(html).querySelector(".strip-facts")];
  if (strip && fresh) become(strip, fresh);
  takeClock();
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
  showStrip(news.strip);
  tellState();
  const health = document.querySelector("[data-health]");
  if (health) become(health, parsed(news.health).querySelector("[data-health]"));
  for (const count of document.querySelectorAll("[data-count]")) {
    count.textContent = news.totals[count.dataset.count].toLocaleString("en");
  }
  for (const part of document.querySelectorAll("[data-live]")) offer(part, news);
  offerAgain(news);
  refreshTimes();
  if (news.kind === "blocks") document.body.dispatchEvent(new CustomEvent("final"));
}

// Says how much is new in a part of the page; a part of kind "page" is brought up to date at once.
function offer(part, news) {
  const kind = part.dataset.live;
  if (kind === "page") {
    if (news.height > Number(part.dataset.height)) refetch(part);
    return;
  }
  const count = kind === "blocks" ? news.height - newestOf(part) : news.totals[kind] - part.dataset.total;
  const bar = part.querySelector(".news");
  const isNew = bar.hidden;
  bar.hidden = !(count > 0);
  if (bar.hidden) return;
  const words = `${count.toLocaleString("en")} new ${count === 1 ? kind.slice(0, -1) : kind}`;
  const button = bar.querySelector("button");
  button.textContent = `${words}, show`;
  button.onclick = () => show(part, news.height);
  if (isNew || Date.now() > live.told + TOLD_AGAIN_MS) {
    live.told = Date.now();
    tell(words);
  }
}

// A page that does not follow the chain says that there is something later to see.
function offerAgain(news) {
  const again = document.getElementById("again");
  if (!again?.hidden || news.height <= Number(again.dataset.height)) return;
  again.hidden = false;
  tell(again.textContent);
}

// The index may have gone on after a page read its height, and before it read its rows.
function newestOf(part) {
  const link = "rows" in part.dataset ? part.querySelector("tbody a") : null;
  const shown = Number(link?.getAttribute("href").split("/").at(-1) ?? 0);
  return Math.max(Number(part.dataset.height), shown);
}

// New blocks go in as the rows that were sent; where one is missing, the list is asked for anew.
function show(part, height) {
  const heights = [];
  for (let at = newestOf(part) + 1; at <= height; at += 1) heights.push(at);
  const body = part.querySelector("tbody");
  if (!("rows" in part.dataset) || !body || !heights.every((at) => live.rows.has(at))) {
    return refetch(part);
  }
  for (const at of heights) body.insertAdjacentHTML("afterbegin", live.rows.get(at));
  part.dataset.height = height;
  part.querySelector(".news").hidden = true;
  settle(part);
  part.querySelector(".live-part").focus({ preventScroll: true });
}

async function refetch(part) {
  if (part.isAsking) return;
  part.isAsking = true;
  try {
    const fresh = await asked(part.dataset.live);
    if (!fresh) return location.reload();
    if (part.dataset.live === "page") return bringUpToDate(part, fresh);
    part.replaceWith(fresh);
    settle(fresh);
    fresh.querySelector(".live-part").focus({ preventScroll: true });
  } catch {
    part.querySelector(".news-show").textContent = "The node does not answer; try again";
  } finally {
    part.isAsking = false;
  }
}

// Asks for this page anew; what is pending answers with a 404.
async function asked(kind) {
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (!answer.ok && answer.status !== 404) throw new Error(`status ${answer.status}`);
  return parsed(await answer.text()).querySelector(`[data-live="${kind}"]`);
}

function bringUpToDate(part, fresh) {
  const had = part.contains(document.activeElement);
  const heading = part.querySelector("h1").textContent;
  become(part, fresh);
  settle(part);
  const now = part.querySelector("h1").textContent;
  if (now !== heading) tell(now);
  if (had && !part.contains(document.activeElement)) part.querySelector(".live-part").focus();
}

function settle(part) {
  addCopyButtons(part);
  refreshTimes();
  window.htmx?.process(part);
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
document.addEventListener("htmx:afterSettle", (event) => {
  refreshTimes();
  const found = event.target.querySelector("[data-found]");
  if (found) tell(found.dataset.found);
});

takeClock();
tellState();
addCopyButtons(document);
refreshTimes();
setInterval(() => { refreshTimes(); showAge(); }, 1000);
connect();
