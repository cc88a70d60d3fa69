import type { Provider } from '../protocol/provider.ts'
import type { TokenAnswer, TokenSet } from '../protocol/token.ts'
import type { GrantRef } from '../store/store.ts'
import type { EarlyRead } from './early-read.ts'

/** One user's authorization at one authorization server, or the client's own, as it is stored. */
export type Grant = LiveGrant | EmptyGrant | EndedGrant

/** What every grant has. */
interface GrantCommon {
  /** Epoch seconds of the user's authorization; a refresh never moves it. */
  readonly authorizedAt: number
  /** How many refreshes were saved since the authorization. */
  readonly refreshCount: number
  /** The app's own id of the user who keeps the account. Absent: nobody does, it ends with its sessions. */
  readonly holder?: string
}

/** A grant whose tokens can be used and refreshed. */
export interface LiveGrant extends GrantCommon {
  readonly state: 'live'
  readonly tokens: TokenSet
}

/** A grant of the client's own, before its first token. */
export interface EmptyGrant extends GrantCommon {
  readonly state: 'empty'
}

/** A grant that the authorization server ended. It stays, so that everybody learns why. */
export interface EndedGrant extends GrantCommon {
  readonly state: 'ended'
  readonly reason: string
  /** The scope it had: what a new consent should ask for. */
  readonly scope: readonly string[]
}

/** Where a grant's next token set comes from: a refresh token, or whatever else the client can show. */
export interface TokenSource {
  readonly provider: Provider
  /** Names the authorization server and the client. */
  identity(): string
  /** False: these tokens are the last ones, and a new authorization is needed after them. */
  canRefresh(tokens: TokenSet): boolean
  /** One POST, one answer. Never rejects for what server or network do. */
  refresh(tokens: TokenSet, options: { readonly deadlineMs: number }): Promise<TokenAnswer>
  /** Like `refresh`, from nothing: for grants of the client's own, which begin without tokens. Absent: users bring them. */
  obtain?(options: { readonly deadlineMs: number }): Promise<TokenAnswer>
  /** False when it should be tried again. Never rejects. */
  revoke(tokens: TokenSet, options: { readonly deadlineMs: number }): Promise<boolean>
}

/** A grant, whose it is, and who can renew it. */
export interface GrantHandle {
  readonly ref: GrantRef
  readonly client: TokenSource
  /** `id`: of the user at the provider, or of the client itself. */
  readonly account: { readonly provider: string; readonly id: string }
  /** The user who must be the one that keeps the account; anybody else's grant counts as gone. Absent: whoever. */
  readonly holder?: string
  /** Every use keeps the record for so long. Absent: it lives as long as whoever owns it said. */
  readonly keepSeconds?: number
  /** The record, where it was asked for beside something else. */
  readonly early?: EarlyRead | undefined
}

/** The grant's name in maps, logs of tests and sealed bindings. */
export function grantName(ref: GrantRef): string {
  return `${ref.slot}/${ref.id}`
}
