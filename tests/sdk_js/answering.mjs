// A server that answers what the test tells it to, and a client of it.

import { createServer } from 'node:http';
import { after, before, beforeEach } from 'node:test';

import { AITBCClient } from '@aitbc/client';

// What was asked since the test began.
export const seen = [];

// What is answered next, in this order; 'hang up' ends the connection.
export const server = { answers: [], url: '' };

const listener = createServer(async (request, response) => {
  const pieces = [];
  for await (const piece of request) pieces.push(piece);
  const { method, url, headers } = request;
  seen.push({ method, url, headers, body: Buffer.concat(pieces).toString() });
  const answer = server.answers.shift();
  if (answer === undefined) return; // No answer: the connection stays open.
  if (answer === 'hang up') {
    request.socket.destroy();
    return;
  }
  const { status = 200, headers: told = {}, body = {} } = answer;
  response.writeHead(status, { 'Content-Type': 'application/json', ...told });
  response.end(typeof body === 'string' ? body : JSON.stringify(body));
});

before(async () => {
  await new Promise((resolve) => listener.listen(0, '127.0.0.1', resolve));
  server.url = `http://127.0.0.1:${listener.address().port}`;
});

after(() => {
  listener.closeAllConnections();
  listener.close();
});

beforeEach(() => {
  seen.length = 0;
});

export const clientOf = (settings = {}) =>
  new AITBCClient({ baseUrl: server.url, apiKey: 'a key', retry: { baseMs: 1 }, ...settings });

export const refusal = (status, code, more = {}) => ({
  status,
  body: { detail: 'because', error_code: code, request_id: 'req_1' },
  ...more,
});
