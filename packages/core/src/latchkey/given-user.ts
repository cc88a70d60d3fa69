import { isOptionsObject, kindOf } from '../input/kind-of.ts'
import { type NamesOf, requireKnownKeys } from '../input/known-names.ts'
import { invalidOption } from '../options/invalid-option.ts'
import type { User } from '../protocol/user.ts'

type GivenUser = Omit<User, 'provider'>

const names: NamesOf<GivenUser> = {
  id: true,
  ids: true,
  name: true,
  email: true,
  emailVerified: true,
  picture: true,
}

/**
 * A user that the app describes itself, checked like one that a provider describes.
 * @throws {LatchkeyError} `invalid_options` that names the field.
 */
export function givenUser(call: string, provider: string, user: GivenUser): User {
  if (!isOptionsObject(user) || typeof user.id !== 'string' || user.id === '')
    throw invalidOption(`${call}: user must be an object with the user's id at the provider, { id: '…' }.`)
  requireKnownKeys<GivenUser>(`${call}: user`, user, names)
  const { id, ids, name, email, emailVerified, picture } = user
  for (const [field, value] of Object.entries({ name, email, picture, ...ids })) {
    if (value !== undefined && typeof value !== 'string')
      throw invalidOption(`${call}: user.${field} must be a string, not ${kindOf(value)}.`)
  }
  if (emailVerified !== undefined && typeof emailVerified !== 'boolean')
    throw invalidOption(`${call}: user.emailVerified must be true or false, not ${kindOf(emailVerified)}.`)
  return {
    provider,
    id,
    ...(ids === undefined ? {} : { ids }),
    ...(name === undefined ? {} : { name }),
    ...(email === undefined ? {} : { email }),
    ...(emailVerified === undefined ? {} : { emailVerified }),
    ...(picture === undefined ? {} : { picture }),
  }
}
