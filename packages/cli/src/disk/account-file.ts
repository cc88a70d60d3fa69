import type { Attempt, VersionedRecord } from '@latchkey/core'
import type { ProcessId } from './process-id.ts'

/** Format of the files. A program that meets a higher one leaves the file alone. */
export const format = 1

/** What tokens are for, in clear: they are of no use for anything else. */
export interface AccountAbout {
  readonly provider: string
  readonly clientId: string
  readonly profile: string
  /** Names the authorization server and the client. */
  readonly identity: string
  readonly audience?: string
  /** What was asked for. */
  readonly scope: readonly string[]
  /** Whose the account is, where the provider said it. */
  readonly user?: { readonly id: string; readonly name?: string }
}

/** What expires. */
interface Lasting {
  /** Epoch seconds. */
  readonly expiresAt: number
}

/** All that is stored of one account. */
export interface AccountFile {
  readonly about?: AccountAbout
  readonly grant?: VersionedRecord & Lasting
  readonly attempt?: { readonly attempt: Attempt } & Lasting
  readonly lease?: { readonly owner: string; readonly process: ProcessId } & Lasting
}

/** The text of a file. */
export function fileText({ grant, ...rest }: AccountFile): string {
  const stored = grant && { ...grant, sealed: Buffer.from(grant.sealed).toString('base64') }
  return `${JSON.stringify({ format, ...rest, ...(stored && { grant: stored }) }, undefined, 2)}\n`
}

/** What a text holds; `corrupt`: nothing of ours; `newer`: a later version wrote it. */
export function accountFileIn(text: string): AccountFile | 'corrupt' | 'newer' {
  try {
    const parsed: unknown = JSON.parse(text)
    if (!isObject(parsed)) return 'corrupt'
    if (typeof parsed.format === 'number' && parsed.format > format) return 'newer'
    if (parsed.format !== format) return 'corrupt'
    const { about, grant, attempt, lease } = parsed
    return {
      ...(isObject(about) && { about: about as unknown as AccountAbout }),
      ...(grant === undefined ? {} : { grant: grantIn(grant) }),
      ...(isObject(attempt) && { attempt: attempt as unknown as NonNullable<AccountFile['attempt']> }),
      ...(isObject(lease) && { lease: lease as unknown as NonNullable<AccountFile['lease']> }),
    }
  } catch {
    return 'corrupt'
  }
}

function grantIn(value: unknown): NonNullable<AccountFile['grant']> {
  if (!isObject(value)) throw new TypeError('no grant')
  const { version, sealed, expiresAt } = value
  if (typeof version !== 'string' || typeof sealed !== 'string' || typeof expiresAt !== 'number')
    throw new TypeError('no grant')
  return { version, sealed: Buffer.from(sealed, 'base64'), expiresAt }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
