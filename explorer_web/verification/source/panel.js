/** What a check looks like: the pin above, the steps as they come, the verdict, what was proved. */

import { PROOF_STEPS, checkProof } from 'sdk/proofs/check.js';

import { digestIn } from './pin.js';
import { STATES, claimLines, fingerprint, titleOf } from './words.js';

/** Of an account whose balance changed between the page and the proof. */
const MOVED = 'The account holds something else than when this page was made; load it again.';

/** Ids, digests and addresses. */
const IDENTIFIER = /^[0-9a-z_-]{40,}$/;

/** A part of a page that shows checks. Everything is written as text, never as HTML. */
export class Panel {
  #holder;
  #primitives;
  #pins;
  #pin;
  #again = null;
  #turn = 0;

  /**
   * @param {HTMLElement} holder with the parts that `verification_parts.html` names.
   * @param {() => Promise<object | undefined>} primitives what checks are done with, undefined for
   *   the browser's own; rejects where there is nothing.
   * @param {object} pins where the pin is kept: `IN_BROWSER` or `WHILE_OPEN`.
   */
  constructor(holder, primitives, pins) {
    this.#holder = holder;
    this.#primitives = primitives;
    this.#pins = pins;
    this.#pin = pins.pinned();
    this.#part('keep').addEventListener('click', () => this.#keepTyped());
    this.#part('forget').addEventListener('click', () => this.#repin(undefined));
    this.#part('pin').addEventListener('keydown', (event) => {
      if (event.key === 'Enter') this.#keepTyped();
    });
    this.#part('pin').addEventListener('input', () => this.#part('pin').setCustomValidity(''));
    // What was typed before this script was there stays.
    const typed = this.#part('pin').value;
    this.#showPin();
    if (typed !== '') this.#part('pin').value = typed;
  }

  /**
   * Check what `read` resolves to, and show it.
   *
   * @param {() => Promise<string | Uint8Array>} read fetches or reads the bundle; what it throws
   *   is shown.
   * @param {string} [kind] of the bundle, where it is known before.
   * @param {(verdict: object, judge: Function) => object} [compare] judges the verdict further,
   *   and other bundles by `judge`.
   */
  async check(read, kind = 'validators', compare = (verdict) => verdict) {
    this.#again = () => this.check(read, kind, compare);
    this.#turn += 1;
    const turn = this.#turn;
    this.#begin(kind);
    const show = await this.#outcomeOf(turn, read, kind, compare);
    if (turn === this.#turn) show(); // A later check has taken its place otherwise.
  }

  async #outcomeOf(turn, read, kind, compare) {
    const done = [];
    const onStep = (step) => {
      done.push(step);
      if (turn === this.#turn) this.#showSteps(done, kind);
    };
    try {
      const bundle = await read();
      const primitives = await this.#primitives();
      const how = { genesisDigest: this.#pin, primitives };
      const found = await checkProof(bundle, { ...how, onStep });
      const judged = await compare(found, (other) => checkProof(other, how));
      return () => this.#showVerdict(judged);
    } catch (error) {
      return () => this.#say('bad', 'Not checked', error.message);
    }
  }

  #begin(kind) {
    this.#part('result').hidden = false;
    this.#part('proved').hidden = true;
    this.#showSteps([], kind);
    this.#say('wait', 'Checking', '');
  }

  #showVerdict(verdict) {
    const { valid, isPinned, kind, steps, claims } = verdict;
    this.#showSteps(steps, kind);
    const failed = steps.find((step) => step.verdict === 'failed');
    if (!valid) {
      const step = `Step ${steps.indexOf(failed) + 1} of ${steps.length}`;
      const title = titleOf(failed.name, kind);
      this.#say('bad', 'Nothing is proved', `${step} does not hold: “${title}”.`);
      return;
    }
    this.#showClaims(kind, claims);
    if (failed !== undefined) {
      this.#say('bad', 'The page shows something else than what is proved', 'What is proved stands '
        + 'below; do not believe this page.');
      return;
    }
    const unpaid = steps.find((step) => step.verdict === 'not run');
    const isSame = steps.every((step) => step.verdict === 'passed');
    if (!isPinned) {
      const how = isSame ? 'All steps passed.' : unpaid?.detail ?? MOVED;
      this.#say('wait', 'Proved for a chain that you have not pinned', `${how} ${
        this.#comparing(claims.genesisDigest)}`);
    } else if (isSame) {
      this.#say('good', 'Proved', 'All steps passed, from the genesis digest that you pinned.');
    } else if (unpaid) {
      this.#say('wait', 'Proved but for its payment', unpaid.detail);
    } else {
      this.#say('wait', 'Proved, of another block than the page', MOVED);
    }
  }

  /** What to do with a bundle's own digest. It is only said: pinning it is the reader's doing. */
  #comparing(digest) {
    const typed = this.#part('pin').value;
    if (typed.trim() === '' || digestIn(typed) === digest) {
      return 'Compare the genesis digest below with one from elsewhere, and pin that one above.';
    }
    return 'Its genesis digest, below, is not the one that stands in the field above.';
  }

  #showSteps(done, kind) {
    const hasFailed = done.some(({ verdict }) => verdict === 'failed');
    const next = hasFailed ? 'not run' : 'running';
    const names = PROOF_STEPS[kind] ?? PROOF_STEPS.validators;
    const left = names
      .slice(done.length)
      .map((name, at) => ({ name, verdict: at === 0 ? next : 'not run' }));
    const all = [...done, ...left];
    this.#part('steps').replaceChildren(...all.map((step) => this.#stepItem(step, kind)));
  }

  #stepItem({ name, verdict, detail, code, reason }, kind) {
    const { word, tone } = STATES[verdict];
    const item = element('li', `tone-${tone}`);
    item.dataset.step = name;
    item.dataset.verdict = verdict;
    const head = element('p');
    head.append(element('b', '', titleOf(name, kind)), ' ', element('span', 'step-word', word));
    const body = element('div');
    body.append(head);
    if (detail) body.append(element('p', 'note', detail));
    if (code) {
      const why = element('p', 'note');
      why.append(element('code', '', code), ` ${reason}`);
      body.append(why);
    }
    item.append(this.#icon(tone), body);
    return item;
  }

  #showClaims(kind, claims) {
    const lines = claimLines(kind, claims).map(([name, text]) => {
      const line = element('div');
      const value = element('dd');
      const written = element('span', 'value');
      written.append(IDENTIFIER.test(text) ? element('code', '', text) : text);
      value.append(written);
      line.append(element('dt', '', name), value);
      return line;
    });
    this.#part('claims').replaceChildren(...lines);
    this.#part('proved').hidden = false;
  }

  #say(tone, words, more) {
    const verdict = this.#part('verdict');
    verdict.className = `verdict tone-${tone}`;
    const text = element('span');
    text.append(element('b', '', `${words}.`), more && ` ${more}`);
    verdict.replaceChildren(this.#icon(tone), text);
    // Its place is there from the beginning, as readers of screens need it to be.
    this.#part('announced').textContent = text.textContent;
  }

  #keepTyped() {
    const input = this.#part('pin');
    const digest = digestIn(input.value);
    if (digest === undefined) {
      input.setCustomValidity('A genesis digest is 64 hex digits.');
      input.reportValidity();
      return;
    }
    this.#repin(digest);
  }

  #repin(digest) {
    this.#pin = digest;
    this.#part('pin').setCustomValidity('');
    this.#showPin(this.#pins.keep(digest));
    if (this.#again !== null) this.#again();
  }

  #showPin(isKept = true) {
    const input = this.#part('pin');
    input.value = this.#pin === undefined ? '' : fingerprint(this.#pin);
    this.#part('forget').hidden = this.#pin === undefined;
    const kept = isKept ? 'Pinned in this browser.' : 'Pinned until this page is closed.';
    this.#part('pin-state').textContent = this.#pin === undefined ? 'None is pinned.' : kept;
  }

  #icon(tone) {
    return this.#holder.ownerDocument.getElementById(`icon-${tone}`).content.cloneNode(true);
  }

  #part(name) {
    return this.#holder.querySelector(`[data-part="${name}"]`);
  }
}

function element(name, className = '', text = '') {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text) made.textContent = text;
  return made;
}
