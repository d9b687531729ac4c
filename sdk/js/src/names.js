/**
 * Names on the wire and in JavaScript: `job_id` and `jobId`.
 *
 * What a client or a model chose is data and not the API's: the keys inside the members listed
 * here stay as they are, in both directions.
 */

/** Members whose value belongs to the caller, the model or JSON Schema. */
const OPAQUE = new Set([
  'aliases',
  'exclusions',
  'input',
  'input_schema',
  'json',
  'labels',
  'messages',
  'metadata',
  'parameters',
  'params',
  'payload',
  'programs',
  'reasons',
  'request_data',
  'results',
  'schema',
  'waiting',
]);

/** Return a value of the wire with the API's own names as JavaScript writes them. */
export function fromWire(value) {
  return renamed(value, camelCase);
}

/** Return a value of the caller with the API's own names as the wire writes them. */
export function toWire(value) {
  return renamed(value, snakeCase);
}

/** Return `jobId` for `job_id`. */
export function camelCase(name) {
  return name.replace(/_+([a-z0-9])/g, (_, letter) => letter.toUpperCase());
}

/** Return `job_id` for `jobId`, and for `job_id` too. */
export function snakeCase(name) {
  return name.replace(/([a-z0-9])([A-Z])/g, (_, before, letter) => `${before}_${letter.toLowerCase()}`);
}

function renamed(value, rename) {
  if (Array.isArray(value)) {
    return value.map((item) => renamed(item, rename));
  }
  if (value === null || typeof value !== 'object') {
    return value;
  }
  const entries = Object.entries(value).map(([name, item]) => {
    const isData = OPAQUE.has(snakeCase(name)) || isOwnRequirements(name, item);
    return [rename(name), isData ? item : renamed(item, rename)];
  });
  return Object.fromEntries(entries);
}

/** An offer's requirements are their miner's own; a service's are a list of the API's objects. */
function isOwnRequirements(name, value) {
  return name === 'requirements' && !Array.isArray(value);
}
