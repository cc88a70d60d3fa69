import type { TransportResponse } from '../transport/transport.ts'
import { type JsonObject, parseJsonObject } from './json-object.ts'

/** The members of a token answer, or `undefined` when its body cannot be read. */
export function readBody({ headers, body }: TransportResponse): JsonObject | undefined {
  const json = parseJsonObject(body)
  if (json !== undefined) return json
  return isForm(headers) ? parseForm(body) : undefined
}

/** True for an answer that says it is a form. */
export function isForm(headers: TransportResponse['headers']): boolean {
  const type = headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase()
  return type === 'application/x-www-form-urlencoded'
}

/** Some servers answer in the format of the request unless told otherwise. A repeated name makes the answer unreadable. */
function parseForm(bytes: Uint8Array): JsonObject | undefined {
  const form = new URLSearchParams(Buffer.from(bytes).toString('latin1'))
  const entries = [...form].filter(([name]) => name !== '__proto__')
  return new Set(form.keys()).size === form.size ? Object.fromEntries(entries) : undefined
}
