import type { Clock } from '../clock.ts'
import type { Logger } from '../log.ts'
import type { TokenSet } from '../protocol/token.ts'
import { within } from '../protocol/within.ts'
import { isIssuedTo } from '../session/issued-to.ts'
import type { EndedGrant } from '../session/sessions.ts'
import { settleAll } from '../session/settle-all.ts'
import type { Vault } from '../vault/vault.ts'
import type { BackgroundWork } from './background-work.ts'
import type { ProviderDirectory } from './settings.ts'
import type { SignInClient } from './sign-in-client.ts'

/** How long an answer waits for the authorization servers; they are told in the background after that. */
export const revocationWaitMs: number = 2_000
const deadlineMs = 10_000
/** After a failed revocation it is tried again this often, and then given up: the token dies of age. */
const retryAfterMs = [1_000, 10_000, 60_000]

/** Tells authorization servers that tokens are no longer wanted. */
export class Revocations {
  readonly #providers: ProviderDirectory
  readonly #vault: Pick<Vault, 'open'>
  readonly #clock: Clock
  readonly #log: Logger
  readonly #background: BackgroundWork

  constructor(parts: {
    readonly settings: { readonly providers: ProviderDirectory }
    readonly vault: Pick<Vault, 'open'>
    readonly clock: Clock
    readonly log: Logger
    readonly background: BackgroundWork
  }) {
    this.#providers = parts.settings.providers
    this.#vault = parts.vault
    this.#clock = parts.clock
    this.#log = parts.log
    this.#background = parts.background
  }

  /**
   * Revokes what a session held. Resolves when each has been tried once, or after `waitMs`; the rest goes on in the
   * background. Never rejects: whatever the servers do, the session is over.
   * @param inUse a new token set of the session: some servers issue the same refresh token again.
   */
  async revoke(ended: readonly EndedGrant[], waitMs: number, inUse?: TokenSet): Promise<void> {
    const tried = settleAll(ended, (grant) => this.#tryOnce(grant, inUse)).then(ignored)
    await within(this.#clock, waitMs, this.#background.track(tried))
  }

  /** Revokes a token set that is stored nowhere, once. Never rejects. */
  async discard(client: SignInClient, tokens: TokenSet): Promise<void> {
    await this.#background.track(client.revoke(tokens, { deadlineMs }).then(ignored, ignored))
  }

  async #tryOnce(grant: EndedGrant, inUse: TokenSet | undefined): Promise<void> {
    try {
      const client = await this.#providers.find(grant.account.provider)
      const tokens = client && this.#revocableTokens(client, grant)
      if (client === undefined || tokens === undefined || sharesRefreshToken(tokens, inUse)) return
      if (await client.revoke(tokens, { deadlineMs })) return
      void this.#background.track(this.#tryAgain(client, tokens))
    } catch {
      this.#gaveUp(grant.account.provider)
    }
  }

  #revocableTokens(client: SignInClient, grant: EndedGrant): TokenSet | undefined {
    // The provider may be configured with another server or client by now.
    if (!isIssuedTo(client, grant.account)) return undefined
    // Where revoking ends the whole authorization, the user's other sessions still need it.
    if (client.provider.revocation === 'authorization' ? !grant.lastOfSubject : grant.isToldAgain)
      return undefined
    const opened = this.#vault.open(grant.ref, grant.record)
    return opened?.state === 'live' ? opened.tokens : undefined
  }

  async #tryAgain(client: SignInClient, tokens: TokenSet): Promise<void> {
    const revoke = (): Promise<boolean> => client.revoke(tokens, { deadlineMs }).catch(() => false)
    if (!(await this.#background.tryAgain(retryAfterMs, revoke))) this.#gaveUp(client.provider.id)
  }

  #gaveUp(provider: string): void {
    this.#log.warn(
      { event: 'revocation.failed', provider },
      'A token was not revoked; it stays valid until it expires.',
    )
  }
}

/** True when revoking `tokens` would take the refresh token away from `inUse`. */
function sharesRefreshToken(tokens: TokenSet, inUse: TokenSet | undefined): boolean {
  return tokens.refreshToken !== undefined && tokens.refreshToken === inUse?.refreshToken
}

function ignored(): void {}
