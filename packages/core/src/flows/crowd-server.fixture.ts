import { LatchkeyError } from '../errors.ts'
import type { TokenAnswer, TokenSet } from '../protocol/token.ts'
import { ScriptedSignInClient } from './scripted-sign-in-client.fixture.ts'
import type { RedeemedCode, UserProfile } from './sign-in-client.ts'

/** What a crowd wants to know of the requests of its server. */
export interface ServerWatch {
  readonly now: () => number
  /** Called before each request is answered. */
  readonly step: (request: string, isWrite: boolean) => Promise<void>
  /** Called for each token set that an authorization's revocation ends along with the one that was named. */
  readonly endedAlong: (accessToken: string) => void
}

/**
 * A client at an authorization server that knows which of its token sets live. A code is `<user id>.<anything>`, and so
 * are its tokens.
 */
export class LivingServer extends ScriptedSignInClient {
  /** Access tokens that were issued and neither revoked nor replaced. */
  readonly living: Set<string> = new Set()
  watch: ServerWatch = { now: () => 0, step: async () => {}, endedAlong: () => {} }
  issued = 0

  /** A new token set, as the token endpoint issues one. What follows the user's id says where it is from. */
  issue(userId: string, scope: readonly string[] = this.provider.scope): TokenSet {
    if (this.provider.exclusive) this.#endAll(userOf(userId))
    this.issued += 1
    const tokens = this.tokens(`access of ${userId}.${this.issued}`, scope)
    this.living.add(tokens.accessToken)
    const receivedAt = this.watch.now()
    return { ...tokens, receivedAt, expiresAt: receivedAt + 3_600 }
  }

  override async exchangeCode(
    exchange: Parameters<ScriptedSignInClient['exchangeCode']>[0],
  ): Promise<RedeemedCode> {
    await this.watch.step('exchange', true)
    return { tokens: this.issue(userOf(exchange.code), exchange.scope) }
  }

  override async profile({ tokens }: RedeemedCode): Promise<UserProfile> {
    await this.watch.step('profile', false)
    const id = userOf(tokens.accessToken)
    if (this.living.has(tokens.accessToken)) {
      return { user: { provider: this.provider.id, id }, claims: { id } }
    }
    const about = { provider: this.provider.id, reason: 'userinfo_unauthorized' }
    throw new LatchkeyError('as_unavailable', 'The token is dead.', about)
  }

  /** Rotates: the token set that is shown ends with the answer. */
  override async refresh(tokens: TokenSet): Promise<TokenAnswer> {
    await this.watch.step('refresh', true)
    if (!this.living.delete(tokens.accessToken)) return { kind: 'dead', oauth: { error: 'invalid_grant' } }
    return {
      kind: 'token_set',
      tokens: this.issue(`${originOf(tokens.accessToken)}.refreshed`, tokens.scope),
      raw: {},
    }
  }

  /** A token that is dead already names no authorization any more. */
  override async revoke({ accessToken }: TokenSet): Promise<boolean> {
    await this.watch.step(`revoke ${accessToken}`, true)
    this.revoked.push(accessToken)
    if (!this.living.delete(accessToken) || this.provider.revocation === 'token') return true
    for (const other of this.#endAll(userOf(accessToken))) this.watch.endedAlong(other)
    return true
  }

  #endAll(userId: string): readonly string[] {
    const ended = [...this.living].filter((accessToken) => userOf(accessToken) === userId)
    for (const accessToken of ended) this.living.delete(accessToken)
    return ended
  }
}

/** The user at the server whom a code or an access token is of. */
export function userOf(codeOrToken: string): string {
  return codeOrToken.replace('access of ', '').split('.', 1)[0] ?? ''
}

function originOf(accessToken: string): string {
  return accessToken.replace('access of ', '').replace(/\.\d+$/, '')
}
