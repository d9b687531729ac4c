/** Artifacts: files by the digest of their content. */

import { toHex } from './bytes.js';
import { sha256 } from './crypto.js';
import { InvalidValue } from './errors.js';
import { path, unexpected } from './transport.js';

const NAME = /^sha256:[0-9a-f]{64}$/;

/** Milliseconds that a transfer may take. */
const TRANSFER_TIMEOUT_MS = 300_000;

/** Largest artifact that is read into memory, unless told otherwise. */
const DOWNLOAD_BYTES_MAX = 64 * 1_048_576;

/** Files that jobs read and results name. */
export class Artifacts {
  #transport;

  constructor(transport) {
    this.#transport = transport;
  }

  /**
   * Upload bytes and resolve to their name, `sha256:…`.
   *
   * @param {Uint8Array} bytes the content.
   */
  async upload(bytes, options = {}) {
    const name = `sha256:${toHex(await sha256(bytes))}`;
    const answer = await this.#transport.call('POST', '/v1/artifacts', {
      content: bytes,
      headers: { 'Content-Type': 'application/octet-stream' },
      options: { timeoutMs: TRANSFER_TIMEOUT_MS, ...options },
    });
    if (answer.artifact !== name) {
      throw unexpected(`the node stored ${answer.artifact}, not ${name}`);
    }
    return name;
  }

  /**
   * Download an artifact and resolve to its bytes, whose digest is that of the name.
   *
   * @param {string} name `sha256:…`.
   * @param {object} [options] `bytesMax`: the largest that is taken, 64 MiB.
   */
  async download(name, { bytesMax = DOWNLOAD_BYTES_MAX, ...options } = {}) {
    if (!NAME.test(name)) {
      throw new InvalidValue('name', 'must be sha256: and 64 hex digits');
    }
    const bytes = await this.#transport.bytes('GET', path`/v1/artifacts/${name}`, {
      bytesMax,
      options: { timeoutMs: TRANSFER_TIMEOUT_MS, ...options },
    });
    if (`sha256:${toHex(await sha256(bytes))}` !== name) {
      throw unexpected(`the content does not have the digest of ${name}`);
    }
    return bytes;
  }

  /** Yield the files that the client keeps, those that end first first. */
  async *iterate(options) {
    for await (const { artifacts } of this.#transport.pages('/v1/artifacts', { options })) {
      yield* artifacts;
    }
  }

  /** Delete a file that the client keeps. */
  async delete(name, options) {
    return this.#transport.call('DELETE', path`/v1/artifacts/${name}`, { options });
  }
}
