import { mediaType, type ReceivedRequest } from '../http/received-request.ts'
import type { ServerState } from './state.ts'

/** The request with the parameters of its body as `form`; absent when the server does not read that kind of body. */
export function withForm(request: ReceivedRequest, { policy }: ServerState): ReceivedRequest | undefined {
  const type = mediaType(request.headers)
  if (type === 'application/x-www-form-urlencoded') return request
  const fields = policy.jsonBodies && type === 'application/json' ? fieldsOf(request.body) : undefined
  return fields && { ...request, form: new URLSearchParams(fields) }
}

function fieldsOf(body: Uint8Array): [string, string][] | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(body).toString('utf8'))
    if (typeof value !== 'object' || value === null) return undefined
    return Object.entries(value).map(([name, field]) => [name, String(field)])
  } catch {
    return undefined
  }
}
