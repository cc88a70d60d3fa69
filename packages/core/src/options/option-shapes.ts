import { isOptionsObject, isTextList, kindOf } from '../input/kind-of.ts'
import { type NamesOf, requireKnownKeys } from '../input/known-names.ts'
import { invalidOption } from './invalid-option.ts'

/**
 * Refuses an option that is no object with known keys.
 * @param shape what to pass, in words.
 * @throws {LatchkeyError} `invalid_options`
 */
export function requireOptionsObject<Options extends object>(
  option: string,
  value: Options,
  names: NamesOf<Options>,
  shape: string,
): void {
  if (!isOptionsObject(value)) {
    throw invalidOption(`The option ${option} must be ${shape}, not ${kindOf(value)}.`)
  }
  requireKnownKeys(`The option ${option}`, value, names)
}

/** What `typeof` says of each member of a port. */
export type MembersOf<Port> = Readonly<Record<keyof Port, 'function' | 'object' | 'boolean'>>

/**
 * Refuses an object of the app's that lacks what Latchkey calls. Absent is fine: then the default applies.
 * @param fix what to do, in words.
 * @throws {LatchkeyError} `invalid_options` that names all that is missing.
 */
export function requireMembers<Port extends object>(
  option: string,
  value: Port | undefined,
  members: MembersOf<Port>,
  fix: string,
): void {
  if (value === undefined) return
  const holder: unknown = value // an app in JavaScript passes anything
  if ((typeof holder !== 'object' && typeof holder !== 'function') || holder === null) {
    throw invalidOption(`The option ${option} must be an object, not ${kindOf(holder)}. ${fix}`)
  }
  const missing = Object.entries(members).filter(([name, type]) => typeof Reflect.get(holder, name) !== type)
  if (missing.length === 0) return
  const named = missing.map(([name, type]) => `${name} (${type})`).join(', ')
  throw invalidOption(`The option ${option} lacks ${named}. ${fix}`)
}

/**
 * The texts of an option that may be one or a list, or else of its environment variable, where commas part them.
 * @throws {LatchkeyError} `invalid_options`: it is neither.
 */
export function textsOf(
  option: string,
  value: string | readonly string[] | undefined,
  variable: string | undefined,
): readonly string[] {
  if (typeof value === 'string') return [value]
  if (isTextList(value)) return value
  if (value !== undefined) {
    throw invalidOption(`The option ${option} must be a string or a list of strings, not ${kindOf(value)}.`)
  }
  return (variable ?? '')
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
}
