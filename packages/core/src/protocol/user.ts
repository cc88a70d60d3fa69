import { LatchkeyError } from '../errors.ts'
import { printable } from '../log.ts'
import { type JsonObject, valueAt } from './json-object.ts'
import type { ClaimPath, Provider, UserFields } from './provider.ts'

/** Who signed in, as the provider describes them. Only `provider` and `id` identify; the rest is for showing. */
export interface User {
  readonly provider: string
  /** The provider's stable id of this user. */
  readonly id: string
  /** Further ids of the same user, by the preset's names. */
  readonly ids?: Readonly<Record<string, string>>
  readonly name?: string
  /** As the provider says; proves nothing unless `emailVerified` is true. */
  readonly email?: string
  readonly emailVerified?: boolean
  /** An http or https URL. */
  readonly picture?: string
}

/** The claims of OpenID Connect Core 1.0 §5.1. */
export const openidUserFields: UserFields = {
  id: 'sub',
  name: ['name', 'preferred_username', 'nickname'],
  email: 'email',
  emailVerified: 'email_verified',
  picture: 'picture',
}

const longestId = 512
const longestText = 1024
const longestPicture = 4096

/**
 * Maps claims to a user. Claims are foreign: text is cut and loses its control characters.
 *
 * @throws {LatchkeyError} `as_misconfigured` when the id claim is missing: there is no safe substitute for it.
 */
export function mapUser(provider: Provider, fields: UserFields, claims: JsonObject): User {
  const id = idText(valueAt(claims, fields.id))
  if (id === undefined) throw missingId(provider, fields.id)
  const ids = mapIds(fields.ids, claims)
  const name = firstAt(claims, fields.name, displayText)
  const email = firstAt(claims, fields.email, displayText)
  const emailVerified = firstAt(claims, fields.emailVerified, readBoolean)
  const picture = firstAt(claims, fields.picture, readPicture)
  return {
    provider: provider.id,
    id,
    ...(ids === undefined ? {} : { ids }),
    ...(name === undefined ? {} : { name }),
    ...(email === undefined ? {} : { email }),
    ...(emailVerified === undefined ? {} : { emailVerified }),
    ...(picture === undefined ? {} : { picture }),
  }
}

function missingId(provider: Provider, claim: string): LatchkeyError {
  return new LatchkeyError(
    'as_misconfigured',
    `${provider.id}: the user's "${claim}" is missing from the answer, and without it nobody can be told apart. ` +
      `If this server names it otherwise, set it: userinfo: { fields: { id: '<claim>' } }.`,
    { provider: provider.id, reason: 'user_id_missing' },
  )
}

function mapIds(names: UserFields['ids'], claims: JsonObject): Record<string, string> | undefined {
  const found = Object.entries(names ?? {}).flatMap(([name, path]) => {
    const id = idText(valueAt(claims, path))
    return id === undefined ? [] : [[name, id] satisfies [string, string]]
  })
  return found.length === 0 ? undefined : Object.fromEntries(found)
}

/** Ids are text to us. Numbers past 2^53 have already lost digits and would mix up users. */
function idText(value: unknown): string | undefined {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? String(value) : undefined
  if (typeof value !== 'string' || value === '' || value.length > longestId) return undefined
  return printable(value) === value ? value : undefined
}

/** Foreign text that can be shown: cut, and without control characters. `undefined` where there is none. */
export function displayText(value: unknown): string | undefined {
  if (typeof value === 'number') return String(value)
  return typeof value === 'string' && value.trim() !== '' ? printable(value).slice(0, longestText) : undefined
}

function firstAt<Value>(
  claims: JsonObject,
  path: ClaimPath | undefined,
  read: (value: unknown) => Value | undefined,
): Value | undefined {
  const paths = typeof path === 'string' ? [path] : (path ?? [])
  for (const candidate of paths) {
    const value = read(valueAt(claims, candidate))
    if (value !== undefined) return value
  }
  return undefined
}

// Apple sends the string.
function readBoolean(value: unknown): boolean | undefined {
  if (typeof value === 'boolean') return value
  return value === 'true' || value === 'false' ? value === 'true' : undefined
}

// Apps put it into `src`: other schemes could run script there.
function readPicture(value: unknown): string | undefined {
  if (typeof value !== 'string' || value.length > longestPicture || !URL.canParse(value)) return undefined
  const { protocol, href } = new URL(value)
  return protocol === 'https:' || protocol === 'http:' ? href : undefined
}
