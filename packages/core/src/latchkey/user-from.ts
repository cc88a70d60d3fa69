import { isOptionsObject, kindOf } from '../input/kind-of.ts'
import { invalidOption } from '../options/invalid-option.ts'
import type { User } from '../protocol/user.ts'

/**
 * A user as a session keeps them. What the types refuse must be refused here: an app may have it from a database, and
 * the session could never be read again.
 * @throws {LatchkeyError} `invalid_options` that names the field.
 */
export function userFrom(call: string, provider: string, user: Omit<User, 'provider'>): User {
  if (!isOptionsObject(user))
    throw invalidOption(`${call}: user must be an object with the user's id at the provider, { id: '…' }.`)
  const { id, ids, name, email, emailVerified, picture } = user
  requireText(call, 'id', id)
  if (id === '') throw invalidOption(`${call}: user.id must not be empty.`)
  for (const [field, value] of Object.entries({ name, email, picture }))
    if (value !== undefined) requireText(call, field, value)
  if (emailVerified !== undefined && typeof emailVerified !== 'boolean')
    throw invalidOption(`${call}: user.emailVerified must be true or false, not ${kindOf(emailVerified)}.`)
  if (ids !== undefined) requireIds(call, ids)
  return {
    provider,
    id,
    ...(ids === undefined ? {} : { ids: { ...ids } }),
    ...(name === undefined ? {} : { name }),
    ...(email === undefined ? {} : { email }),
    ...(emailVerified === undefined ? {} : { emailVerified }),
    ...(picture === undefined ? {} : { picture }),
  }
}

function requireIds(call: string, ids: unknown): void {
  if (!isOptionsObject(ids))
    throw invalidOption(`${call}: user.ids must be an object of further ids, not ${kindOf(ids)}.`)
  for (const [name, value] of Object.entries(ids)) requireText(call, `ids.${name}`, value)
}

function requireText(call: string, field: string, value: unknown): void {
  if (typeof value === 'string') return
  const fix = typeof value === 'number' ? ' Pass String(…).' : ''
  throw invalidOption(`${call}: user.${field} must be text, not ${kindOf(value)}.${fix}`)
}
