import { LatchkeyError } from '../errors.ts'
import { printable } from '../log.ts'
import { credentialVariables } from '../protocol/credential-variables.ts'
import type { ProtocolClient } from '../protocol/protocol-client.ts'
import type { Provider } from '../protocol/provider.ts'
import type { TokenAnswer, TokenSet } from '../protocol/token.ts'
import type { TokenSource } from '../vault/grant.ts'

/** Scope and audience are quoted in errors up to this length. */
const longestQuote = 200

/** What one application token is asked for. */
export interface Mint {
  readonly scope: readonly string[]
  readonly audience?: string
}

/**
 * Mints the client's own tokens anew instead of refreshing them: there is no refresh token (RFC 6749 §4.4.3), unless
 * they come from a login.
 */
export class ApplicationSource implements TokenSource {
  readonly #client: ProtocolClient
  readonly #mint: Mint
  readonly #provider: Provider

  constructor(client: ProtocolClient, mint: Mint) {
    this.#client = client
    this.#mint = mint
    const { exclusive, refreshEndsAccessToken } = client.provider
    // Nobody signs in to an application, so no token set comes from elsewhere. But its own mint kills the one in use.
    const ending = { exclusive: false, refreshEndsAccessToken: exclusive || refreshEndsAccessToken }
    this.#provider = { ...client.provider, ...ending }
  }

  get provider(): Provider {
    return this.#provider
  }

  identity(): string {
    return this.#client.identity()
  }

  canRefresh(): boolean {
    return true
  }

  async refresh(tokens: TokenSet, options: { readonly deadlineMs: number }): Promise<TokenAnswer> {
    return this.#about(await this.#client.mintAfter(tokens, this.#mint, options))
  }

  async obtain(options: { readonly deadlineMs: number }): Promise<TokenAnswer> {
    return this.#about(await this.#client.mint(this.#mint, options))
  }

  #about(answer: TokenAnswer): TokenAnswer {
    return this.#provider.clientLogin === undefined ? aboutApplication(answer) : answer
  }

  revoke(tokens: TokenSet, options: { readonly deadlineMs: number }): Promise<boolean> {
    return this.#client.revoke(tokens, options)
  }
}

/** Errors that say no more than that this client may not mint: what its users have is not touched by them. */
const mintOnly: ReadonlySet<string> = new Set(['unauthorized_client', 'unsupported_grant_type'])

function aboutApplication(answer: TokenAnswer): TokenAnswer {
  switch (answer.kind) {
    case 'token_set': {
      // RFC 6749 §4.4.3: it should not be there, and it is of no use to somebody who can mint.
      const { refreshToken, refreshTokenExpiresAt, ...tokens } = answer.tokens
      return { ...answer, tokens }
    }
    case 'retry': {
      const { refreshToken, ...failed } = answer
      return failed
    }
    case 'client_fault':
      return mintOnly.has(answer.oauth.error) ? { ...answer, kind: 'refused' } : answer
    default:
      return answer
  }
}

/**
 * The same error, or a better one where the server refused the request: the vault knows of the refusal, but not what
 * was asked for.
 */
export function explained(error: unknown, provider: Provider, { scope, audience }: Mint): unknown {
  const { id, name, clientLogin } = provider
  if (!LatchkeyError.is(error)) return error
  if (error.reason === 'client_fault' && clientLogin !== undefined) return refusedLogin(error, provider)
  if (error.reason !== 'application_refused') return error
  const asked = [
    scope.length === 0 ? 'no scope' : `the scope ${quoted(scope.join(' '))}`,
    audience === undefined ? 'no audience' : `the audience ${quoted(audience)}`,
  ].join(' and ')
  return reworded(
    error,
    id,
    `${name} refuses this client an application token with ${asked}. Check them in auth.application('${id}', …), ` +
      `and at ${name} that this client may use client credentials for them.`,
  )
}

function refusedLogin(error: LatchkeyError, { id, name }: Provider): LatchkeyError {
  const { clientId, clientSecret } = credentialVariables(id)
  const said = error.oauth === undefined ? '' : ` (${error.oauth.error})`
  const where = `options login and password, or ${clientId} and ${clientSecret}`
  return reworded(error, id, `${name} refuses the login${said}. Check its name and password: ${where}.`)
}

function reworded(
  { code, accountId, reason, oauth }: LatchkeyError,
  provider: string,
  message: string,
): LatchkeyError {
  return new LatchkeyError(code, message, {
    provider,
    ...(reason === undefined ? {} : { reason }),
    ...(accountId === undefined ? {} : { accountId }),
    ...(oauth === undefined ? {} : { oauth }),
  })
}

function quoted(text: string): string {
  return `"${printable(text).slice(0, longestQuote)}"`
}
