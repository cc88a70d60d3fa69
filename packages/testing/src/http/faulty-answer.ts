import type { ServerResponse } from 'node:http'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import type { Behaviour, FieldsPatch } from './faults.ts'
import type { Reply } from './reply.ts'

const CHUNK_BYTES = 65_536

/** Whether a call with this behaviour is processed, provided that it was not dropped before. */
export function commits(behaviour: Behaviour): boolean {
  if (behaviour.commit !== undefined) return behaviour.commit
  const fixedBody = behaviour.body !== undefined && typeof behaviour.body !== 'function'
  const replaced = [behaviour.status, behaviour.redirect, behaviour.hugeBytes, behaviour.gzipBombBytes]
  return !fixedBody && behaviour.noHeaders !== true && replaced.every((part) => part === undefined)
}

/** The answer with status, headers, body and fields changed as the behaviour says. */
export function rewritten(reply: Reply, behaviour: Behaviour): Reply {
  const fields =
    behaviour.fields === undefined ? reply : { ...reply, body: patched(reply.body, behaviour.fields) }
  const { body, type } = replacedBody(fields, behaviour.body)
  const headers: Record<string, string | readonly string[] | undefined> = { ...reply.headers, ...type }
  if (behaviour.redirect !== undefined) headers.location = behaviour.redirect.url
  Object.assign(headers, behaviour.headers)
  const kept = Object.entries(headers).filter((entry) => entry[1] !== undefined)
  return {
    status: behaviour.redirect?.code ?? behaviour.status ?? reply.status,
    // The filter took the undefined values out; `fromEntries` cannot know.
    headers: Object.fromEntries(kept) as Reply['headers'],
    body,
  }
}

/** Sends the answer in the way that the behaviour says. */
export async function send(response: ServerResponse, reply: Reply, behaviour: Behaviour): Promise<void> {
  if (behaviour.hugeBytes !== undefined) return sendHuge(response, reply, behaviour.hugeBytes)
  if (behaviour.gzipBombBytes !== undefined) return sendBomb(response, reply, behaviour.gzipBombBytes)
  for (const [name, value] of Object.entries(reply.headers)) {
    response.setHeader(name, typeof value === 'string' ? value : [...value])
  }
  if (!response.hasHeader('content-length') && !response.hasHeader('transfer-encoding')) {
    response.setHeader('content-length', reply.body.length)
  }
  response.writeHead(reply.status)
  if (behaviour.truncateAfterBytes !== undefined) {
    return sendPart(response, reply.body.subarray(0, behaviour.truncateAfterBytes))
  }
  if (behaviour.trickleGapMs !== undefined) return trickle(response, reply.body, behaviour.trickleGapMs)
  response.end(reply.body)
}

/** Waits in real time; the process may end meanwhile. */
export function pause(delayMs: number | undefined): Promise<void> {
  if (delayMs === undefined) return Promise.resolve()
  return new Promise((resolve) => setTimeout(resolve, delayMs).unref())
}

function patched(body: Uint8Array, patch: FieldsPatch): Uint8Array {
  // The answers of the emulators that can be patched are all JSON objects.
  const answer = JSON.parse(Buffer.from(body).toString('utf8') || '{}') as Record<string, unknown>
  const changed = typeof patch === 'function' ? patch(answer) : { ...answer, ...patch }
  return Buffer.from(JSON.stringify(changed))
}

function replacedBody(reply: Reply, body: unknown): { body: Uint8Array; type?: Record<string, string> } {
  if (body === undefined) return { body: reply.body }
  const value: unknown = typeof body === 'function' ? body(Buffer.from(reply.body).toString('utf8')) : body
  const known = 'content-type' in reply.headers ? {} : { 'content-type': 'application/json' }
  if (typeof value === 'string') return { body: Buffer.from(value), type: known }
  if (value instanceof Uint8Array) return { body: value, type: known }
  return { body: Buffer.from(JSON.stringify(value)), type: known }
}

function sendPart(response: ServerResponse, part: Uint8Array): Promise<void> {
  return new Promise((resolve) => {
    response.write(part, () => {
      response.destroy()
      resolve()
    })
    response.flushHeaders()
  })
}

async function trickle(response: ServerResponse, body: Uint8Array, gapMs: number): Promise<void> {
  response.flushHeaders()
  for (const byte of body) {
    if (response.destroyed) return
    response.write(Buffer.of(byte))
    await pause(gapMs)
  }
  response.end()
}

async function sendHuge(response: ServerResponse, reply: Reply, bytes: number): Promise<void> {
  response.writeHead(reply.status, { 'content-type': 'application/json' })
  await pipeline(whiteSpace(bytes), response).catch(ignoreDeparture)
}

async function sendBomb(response: ServerResponse, reply: Reply, bytes: number): Promise<void> {
  response.writeHead(reply.status, { 'content-type': 'application/json', 'content-encoding': 'gzip' })
  await pipeline(whiteSpace(bytes), createGzip(), response).catch(ignoreDeparture)
}

function* whiteSpace(bytes: number): Generator<Buffer> {
  const space = Buffer.alloc(CHUNK_BYTES, ' ')
  for (let left = bytes; left > 0; left -= space.length) yield space.subarray(0, Math.min(space.length, left))
}

/** A client that stops reading such an answer does the right thing. */
function ignoreDeparture(): void {}
