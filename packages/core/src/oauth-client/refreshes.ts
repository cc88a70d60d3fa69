import { LatchkeyError } from '../errors.ts'
import { refreshError } from '../protocol/grant-error.ts'
import type { ProtocolClient } from '../protocol/protocol-client.ts'
import type { TokenSet } from '../protocol/token.ts'
import { LruMap } from '../store/lru-map.ts'
import type { RequestParams } from './request-checks.ts'
import { refreshedTokens, type TokenResponse } from './token-response.ts'

/** How one refresh is asked for. */
export interface RefreshRequest {
  readonly scope?: readonly string[] | undefined
  readonly params: RequestParams
}

interface Running {
  readonly asked: string
  readonly response: Promise<TokenResponse>
}

const mostSaved = 1_000

/**
 * The refreshes of one client. A refresh token is in at most one request at a time: whoever asks for the same gets the
 * same answer, whoever asks for something else with it goes on with what that answer brought.
 */
export class Refreshes {
  readonly #client: ProtocolClient
  readonly #timeoutMs: number
  readonly #running = new Map<string, Running>()
  /** Refresh tokens that came in answers which were no good otherwise, by the one that was spent. */
  readonly #saved = new LruMap<string>(mostSaved)

  constructor(client: ProtocolClient, timeoutMs: number) {
    this.#client = client
    this.#timeoutMs = timeoutMs
  }

  /** @throws {LatchkeyError} `login_required`, `as_unavailable`, `as_misconfigured` */
  async refresh(tokens: TokenSet, request: RefreshRequest): Promise<TokenResponse> {
    const refreshToken = this.#newest(tokens.refreshToken)
    if (refreshToken === undefined || refreshToken === '') throw noRefreshToken(this.#client.provider)
    const asked = JSON.stringify([request.scope, request.params, tokens.identity])
    const running = this.#running.get(refreshToken)
    if (running?.asked === asked) return running.response
    if (running !== undefined) {
      const newer = (await running.response).tokens
      return this.refresh({ ...tokens, refreshToken: newer.refreshToken ?? refreshToken }, request)
    }
    const response = this.#send({ ...tokens, refreshToken }, request).finally(() => {
      this.#running.delete(refreshToken)
    })
    this.#running.set(refreshToken, { asked, response })
    return response
  }

  async #send(
    tokens: TokenSet & { readonly refreshToken: string },
    request: RefreshRequest,
  ): Promise<TokenResponse> {
    const { provider } = this.#client
    const answer = await this.#client.refresh(tokens, { ...request, deadlineMs: this.#timeoutMs })
    if (answer.kind === 'token_set') {
      return { tokens: refreshedTokens(provider, answer.tokens, tokens), raw: answer.raw }
    }
    if (answer.kind === 'retry' && answer.refreshToken !== undefined) {
      this.#saved.set(tokens.refreshToken, answer.refreshToken)
    }
    throw refreshError(provider, answer)
  }

  #newest(refreshToken: string | undefined): string | undefined {
    let newest = refreshToken
    for (let steps = 0; newest !== undefined && steps < mostSaved; steps += 1) {
      const saved = this.#saved.get(newest)
      if (saved === undefined) break
      newest = saved
    }
    return newest
  }
}

function noRefreshToken({ id, name }: ProtocolClient['provider']): LatchkeyError {
  return new LatchkeyError(
    'login_required',
    `There is no refresh token of ${name}. Sign in again; ask for offline access if the server wants that.`,
    { provider: id, reason: 'no_refresh_token' },
  )
}
