import type { OAuthErrorFields } from '../errors.ts'
import type { JsonObject } from './json-object.ts'
import { oauthErrorFields } from './oauth-error.ts'
import type { Provider } from './provider.ts'
import { TokenFields } from './token-fields.ts'

/** The error of a token answer. */
export interface AnswerError {
  /** As the server wrote it, for comparing with the preset's data. */
  readonly code: string
  /** The same, fit for logs and errors. */
  readonly fields: OAuthErrorFields
}

/** About the client's registration, whoever the user is; with GitHub's own names for the same. */
const clientFaults: ReadonlySet<string> = new Set([
  'invalid_client',
  'unauthorized_client',
  'unsupported_grant_type',
  'incorrect_client_credentials',
  'redirect_uri_mismatch',
])

/** The server's own trouble, even at a 4xx. */
const temporary: ReadonlySet<string> = new Set(['server_error', 'temporarily_unavailable', 'slow_down'])

/**
 * The error that a token answer names, or `undefined` when it names none. An object in its place (Facebook) counts:
 * its `type` or `code` is the error, its `message` the description.
 */
export function readError(
  body: JsonObject,
  context: { readonly provider: Provider; readonly secrets?: readonly (string | undefined)[] },
): AnswerError | undefined {
  const fields = new TokenFields(body, context.provider)
  const error = fields.get('error')
  if (error === undefined || error === false) return undefined
  const { code, description } =
    typeof error === 'string'
      ? { code: error, description: fields.get('errorDescription') }
      : objectError(error, fields.get('errorDescription'))
  return { code, fields: oauthErrorFields(code, description, context.secrets) }
}

/** What to do about an error, apart from what the status adds to `retry`. */
export function classifyError(
  { code }: AnswerError,
  status: number,
  provider: Provider,
): 'dead' | 'refused' | 'client_fault' | 'retry' {
  const dead = provider.deadRefresh.some(
    (pattern) => pattern.error === code && (pattern.status === undefined || pattern.status === status),
  )
  if (dead) return 'dead'
  if (clientFaults.has(code)) return 'client_fault'
  if (temporary.has(code) || status >= 500 || status === 408 || status === 425 || status === 429)
    return 'retry'
  return 'refused'
}

function objectError(error: unknown, description: unknown): { code: string; description: unknown } {
  if (typeof error !== 'object' || error === null) return { code: 'unrecognized_error', description }
  const member = (name: string): unknown =>
    Object.hasOwn(error, name) ? Reflect.get(error, name) : undefined
  const code = [member('type'), member('code'), member('status')].find((value) => {
    return (typeof value === 'string' && value !== '') || typeof value === 'number'
  })
  return { code: String(code ?? 'unrecognized_error'), description: member('message') ?? description }
}
