import type { Provider } from '../protocol/provider.ts'
import type { TokenAnswer, TokenSet } from '../protocol/token.ts'
import type { GrantRef } from '../store/store.ts'

/** One user's authorization at one authorization server, as it is stored. */
export type Grant = LiveGrant | EndedGrant

/** A grant whose tokens can be used and refreshed. */
export interface LiveGrant {
  readonly state: 'live'
  readonly tokens: TokenSet
  /** Epoch seconds of the user's authorization; a refresh never moves it. */
  readonly authorizedAt: number
  /** How many refreshes were saved since the authorization. */
  readonly refreshCount: number
}

/** A grant that the authorization server ended. It stays, so that everybody learns why. */
export interface EndedGrant {
  readonly state: 'ended'
  readonly reason: string
  /** The scope it had: what a new consent should ask for. */
  readonly scope: readonly string[]
  readonly authorizedAt: number
  readonly refreshCount: number
}

/** What the vault needs of a client at the authorization server. */
export interface RefreshingClient {
  readonly provider: Provider
  /** Names the authorization server and the client. */
  identity(): string
  /** One POST, one answer. Never rejects for what server or network do. */
  refresh(tokens: TokenSet, options: { readonly deadlineMs: number }): Promise<TokenAnswer>
  /** False when it should be tried again. Never rejects. */
  revoke(tokens: TokenSet, options: { readonly deadlineMs: number }): Promise<boolean>
}

/** A grant, whose it is, and who can refresh it. */
export interface GrantHandle {
  readonly ref: GrantRef
  readonly client: RefreshingClient
  readonly account: { readonly provider: string; readonly id: string }
}

/** The grant's name in maps, logs of tests and sealed bindings. */
export function grantName(ref: GrantRef): string {
  return `${ref.slot}/${ref.id}`
}
