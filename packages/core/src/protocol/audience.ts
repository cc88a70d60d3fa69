import { LatchkeyError } from '../errors.ts'
import type { Audience, ClientLogin } from './provider.ts'

/**
 * The audience that a name or alias means, in any case; without one the default.
 * @throws {LatchkeyError} `invalid_options`: there is none of that name.
 */
export function audienceOf(id: string, { audiences }: ClientLogin, wanted: string | undefined): Audience {
  if (wanted === undefined) return audiences[0]
  const text = wanted.toLowerCase()
  const found = audiences.find(({ name, aliases }) => name.toLowerCase() === text || aliases.includes(text))
  if (found !== undefined) return found
  const names = audiences.map(({ name, aliases }) => [name, ...aliases].map((one) => `'${one}'`).join(' or '))
  throw new LatchkeyError(
    'invalid_options',
    `${id}: the audience is unknown there. Use one of ${names.join('; ')}.`,
    {
      provider: id,
      reason: 'audience',
    },
  )
}
