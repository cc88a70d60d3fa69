import type { Attempt, VersionedRecord } from '@latchkey/core'
import { numberIn, objectIn, oneOf, optional, parsed, textIn, textsIn } from './parsed.ts'
import { type ProcessId, processIdIn } from './process-id.ts'

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
  return parsed(text, (value) => fileIn(objectIn(value))) ?? 'corrupt'
}

function fileIn(file: Readonly<Record<string, unknown>>): AccountFile | 'corrupt' | 'newer' {
  const version = numberIn(file.format)
  if (version !== format) return version > format ? 'newer' : 'corrupt'
  const about = optional(file.about, aboutIn)
  const grant = optional(file.grant, grantIn)
  const attempt = optional(file.attempt, attemptIn)
  const lease = optional(file.lease, leaseIn)
  return {
    ...(about && { about }),
    ...(grant && { grant }),
    ...(attempt && { attempt }),
    ...(lease && { lease }),
  }
}

function aboutIn(value: unknown): AccountAbout {
  const { provider, clientId, profile, identity, scope, ...others } = objectIn(value)
  const audience = optional(others.audience, textIn)
  const user = optional(others.user, userIn)
  return {
    provider: textIn(provider),
    clientId: textIn(clientId),
    profile: textIn(profile),
    identity: textIn(identity),
    scope: textsIn(scope),
    ...(audience !== undefined && { audience }),
    ...(user && { user }),
  }
}

function userIn(value: unknown): NonNullable<AccountAbout['user']> {
  const { id, ...others } = objectIn(value)
  const name = optional(others.name, textIn)
  return { id: textIn(id), ...(name !== undefined && { name }) }
}

function grantIn(value: unknown): NonNullable<AccountFile['grant']> {
  const { version, sealed, expiresAt } = objectIn(value)
  const bytes = Buffer.from(textIn(sealed), 'base64')
  return { version: textIn(version), sealed: bytes, expiresAt: numberIn(expiresAt) }
}

function attemptIn(value: unknown): NonNullable<AccountFile['attempt']> {
  const { attempt, expiresAt } = objectIn(value)
  const { version, owner, startedAt, sends, ...others } = objectIn(attempt)
  const failure = optional(others.failure, failureIn)
  const coolDownUntil = optional(others.coolDownUntil, numberIn)
  return {
    attempt: {
      version: textIn(version),
      owner: textIn(owner),
      startedAt: numberIn(startedAt),
      sends: numberIn(sends),
      ...(failure && { failure }),
      ...(coolDownUntil !== undefined && { coolDownUntil }),
    },
    expiresAt: numberIn(expiresAt),
  }
}

function failureIn(value: unknown): NonNullable<Attempt['failure']> {
  const { code, ...others } = objectIn(value)
  const reason = optional(others.reason, textIn)
  const oauth = optional(others.oauth, oauthIn)
  return {
    code: oneOf(['login_required', 'as_unavailable', 'as_misconfigured'], code),
    ...(reason !== undefined && { reason }),
    ...(oauth && { oauth }),
  }
}

function oauthIn(value: unknown): { readonly error: string; readonly description?: string } {
  const { error, ...others } = objectIn(value)
  const description = optional(others.description, textIn)
  return { error: textIn(error), ...(description !== undefined && { description }) }
}

function leaseIn(value: unknown): NonNullable<AccountFile['lease']> {
  const { owner, process, expiresAt } = objectIn(value)
  return { owner: textIn(owner), process: processIdIn(process), expiresAt: numberIn(expiresAt) }
}
