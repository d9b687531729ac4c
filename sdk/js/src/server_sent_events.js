/** Reads server-sent events (the WHATWG's event stream) from a response's body. */

import { unexpected } from './transport.js';

const EVENT_CHARS_MAX = 1_048_576;

/**
 * Yield `{ id, event, data }` of each event of a body; `data` is the text.
 *
 * @param {ReadableStream<Uint8Array>} body of a response.
 * @param {() => void} heard is called whenever anything comes, comments too.
 */
export async function* readEvents(body, heard) {
  let fields = fresh();
  let id = '';
  for await (const line of linesOf(body, heard)) {
    if (line === '') {
      if (fields.data.length > 0) {
        yield { id, event: fields.event || 'message', data: fields.data.join('\n') };
      }
      fields = fresh();
      continue;
    }
    const colon = line.indexOf(':');
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (name === 'data') {
      fields.data.push(value);
      fields.size += value.length;
      if (fields.size > EVENT_CHARS_MAX) throw unexpected('an event is too long');
    } else if (name === 'event') {
      fields.event = value;
    } else if (name === 'id' && !value.includes('\0')) {
      id = value;
    }
  }
}

function fresh() {
  return { event: '', data: [], size: 0 };
}

/** Yield lines that end with a line feed, a carriage return or both; what is unended is left. */
async function* linesOf(body, heard) {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let held = '';
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      heard();
      held += decoder.decode(value, { stream: true });
      for (;;) {
        const end = held.search(/\r\n|\n|\r(?!$)/);
        if (end < 0) break;
        yield held.slice(0, end);
        held = held.slice(end + (held.startsWith('\r\n', end) ? 2 : 1));
      }
      if (held.length > EVENT_CHARS_MAX) throw unexpected('a line of events is too long');
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}
