/** What a file holds is not what we write there. */
class Malformed extends Error {
  override readonly name: string = 'Malformed'
}

/** What `read` makes of a JSON text; `undefined`: it is none, or not what the functions below expect. */
export function parsed<Result>(text: string, read: (value: unknown) => Result): Result | undefined {
  try {
    return read(JSON.parse(text))
  } catch (error) {
    if (error instanceof Malformed || error instanceof SyntaxError) return undefined
    throw error
  }
}

export function objectIn(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Malformed()
  return value as Readonly<Record<string, unknown>> // an object that JSON.parse made
}

export function textIn(value: unknown): string {
  if (typeof value !== 'string') throw new Malformed()
  return value
}

export function textsIn(value: unknown): readonly string[] {
  if (!Array.isArray(value)) throw new Malformed()
  return value.map(textIn)
}

export function numberIn(value: unknown): number {
  if (typeof value !== 'number') throw new Malformed()
  return value
}

export function oneOf<const Value extends string>(known: readonly Value[], value: unknown): Value {
  const found = known.find((one) => one === value)
  if (found === undefined) throw new Malformed()
  return found
}

/** What may be missing. */
export function optional<Value>(value: unknown, read: (value: unknown) => Value): Value | undefined {
  return value === undefined ? undefined : read(value)
}
