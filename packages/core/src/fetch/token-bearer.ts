import type { TokenSet } from '../protocol/token.ts'
import type { Dispatcher } from '../transport/undici.ts'
import type { AllowedOrigins } from './allowed-origins.ts'
import type { Credentials } from './credentials.ts'

/** One grant as the authorized requests see it: where its tokens may go, how they are sent, and fresh ones. */
export interface TokenBearer {
  readonly origins: AllowedOrigins
  readonly credentials: Credentials
  readonly dispatcher: Dispatcher
  /**
   * A token set to send now. After a 401 with the rejected token: the same token again means that no refresh was made.
   *
   * @throws {LatchkeyError} as the vault does; then nothing may be sent.
   */
  readonly fresh: (rejectedToken?: string) => Promise<TokenSet>
}
