import type { Clock } from '../clock.ts'
import type { Transport, TransportResponse } from '../transport/transport.ts'
import { audienceOf } from './audience.ts'
import { maxAnswerBytes } from './client-request.ts'
import type { ClientLogin, LoginCall, Provider } from './provider.ts'
import { lowerCaseNames } from './resource-headers.ts'
import type { TokenAnswer, TokenSet } from './token.ts'
import { receiveTokens } from './token-request.ts'

/** What a login of the client works with. */
export interface ClientLoginContext {
  readonly provider: Provider
  readonly transport: Transport
  readonly clock: Clock
}

/** A login may follow a refused refresh: the two share the time. */
const refreshShare = 0.5

/**
 * Logs the client in and says what came of it. Never `dead`.
 * @throws {LatchkeyError} `invalid_options`: an unknown audience. Never for server or network.
 */
export async function logIn(
  context: ClientLoginContext,
  login: ClientLogin,
  { audience, deadlineMs }: { readonly audience?: string | undefined; readonly deadlineMs: number },
): Promise<TokenAnswer> {
  const { id, clientId, clientSecret = '' } = context.provider
  const { name } = audienceOf(id, login, audience)
  const basic = Buffer.from(`${clientId}:${clientSecret}`, 'utf8').toString('base64')
  const values = { audience: name, basic }
  return aboutTheLogin(
    await send(context, { call: login.login, values, secrets: [clientSecret, basic], deadlineMs }),
  )
}

/** Renews what a login brought, by its refresh token. Never throws for server or network. */
export async function renewLogin(
  context: ClientLoginContext,
  { refresh: call }: ClientLogin,
  { tokens, deadlineMs }: { readonly tokens: TokenSet; readonly deadlineMs: number },
): Promise<TokenAnswer> {
  const { refreshToken } = tokens
  if (refreshToken === undefined) return { kind: 'dead', oauth: { error: 'no_refresh_token' } }
  const values = { refresh_token: refreshToken }
  return send(context, { call, values, secrets: [refreshToken], previous: tokens, deadlineMs })
}

/**
 * Renews what a login brought, or logs in again where the refresh token is gone, has expired or is refused: that takes
 * nothing but the credentials that are there anyway.
 */
export async function renewOrLogIn(
  context: ClientLoginContext,
  login: ClientLogin,
  request: {
    readonly tokens: TokenSet
    readonly audience?: string | undefined
    readonly deadlineMs: number
  },
): Promise<TokenAnswer> {
  const { tokens, deadlineMs } = request
  if (tokens.refreshToken === undefined || hasEnded(tokens, context.clock))
    return logIn(context, login, request)
  const endsAt = context.clock.now() + deadlineMs / 1000
  const answer = await renewLogin(context, login, { tokens, deadlineMs: deadlineMs * refreshShare })
  if (answer.kind === 'token_set' || answer.kind === 'retry') return answer
  const remainingMs = Math.min((endsAt - context.clock.now()) * 1000, deadlineMs)
  return logIn(context, login, { ...request, deadlineMs: Math.max(remainingMs, 1) })
}

function hasEnded({ refreshTokenExpiresAt }: TokenSet, clock: Clock): boolean {
  return refreshTokenExpiresAt !== undefined && refreshTokenExpiresAt <= clock.now()
}

interface LoginRequest {
  readonly call: LoginCall
  readonly values: Readonly<Record<string, string>>
  /** Cut out of what the server says. */
  readonly secrets: readonly string[]
  readonly previous?: TokenSet
  readonly deadlineMs: number
}

function send(
  { provider, transport, clock }: ClientLoginContext,
  { call, values, secrets, previous, deadlineMs }: LoginRequest,
): Promise<TokenAnswer> {
  const post = (): Promise<TransportResponse> =>
    transport.send({
      method: 'POST',
      url: call.endpoint,
      headers: {
        accept: 'application/json',
        ...lowerCaseNames(provider.tokenHeaders),
        'content-type': 'application/json',
        ...lowerCaseNames(filled(call.headers, values)),
      },
      body: call.body === undefined ? '' : JSON.stringify(filled(call.body, values)),
      deadlineMs,
      maxBytes: maxAnswerBytes,
      keepReceived: previous !== undefined,
    })
  const expected = { requestedScope: [], ...(previous === undefined ? {} : { previous }) }
  return receiveTokens({ provider, clock, secrets }, expected, post)
}

/** Nothing was there before that could have died; and whoever is not let in has the wrong login or password. */
function aboutTheLogin(answer: TokenAnswer): TokenAnswer {
  if (answer.kind !== 'dead' && answer.kind !== 'refused') return answer
  return { ...answer, kind: answer.status === 401 || answer.status === 403 ? 'client_fault' : 'refused' }
}

function filled(
  templates: Readonly<Record<string, string>>,
  values: Readonly<Record<string, string>>,
): Record<string, string> {
  const fill = (text: string): string =>
    text.replace(/\{(audience|basic|refresh_token)\}/g, (_match, name: string) => values[name] ?? '')
  return Object.fromEntries(Object.entries(templates).map(([name, text]) => [name, fill(text)]))
}
