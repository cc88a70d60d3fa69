/** A JSON object from outside: own properties only, no `__proto__` among them. */
export type JsonObject = Readonly<Record<string, unknown>>

/**
 * Reads exactly one JSON object. Anything else is `undefined`: other JSON values, invalid UTF-8, a byte order mark,
 * trailing bytes, and objects that name a member twice, since no two readers agree on what those mean (RFC 8259 §4).
 */
export function parseJsonObject(bytes: Uint8Array): JsonObject | undefined {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
    const value = parse(text)
    return value !== undefined && !namesMemberTwice(text) ? value : undefined
  } catch {
    return undefined
  }
}

/**
 * The last complete string member `name` in a body that {@link parseJsonObject} refuses, however broken the rest.
 * Only to save what would otherwise be lost: nothing else in such a body may be believed.
 */
export function salvageString(bytes: Uint8Array, name: string): string | undefined {
  const text = new TextDecoder('utf-8').decode(bytes)
  const literal = JSON.stringify(name).replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')
  const members = new RegExp(`${literal}\\s*:\\s*("[^"\\\\]*(?:\\\\.[^"\\\\]*)*")`, 'gs')
  const last = [...text.matchAll(members)].at(-1)?.[1]
  try {
    return last === undefined ? undefined : JSON.parse(last)
  } catch {
    return undefined
  }
}

/**
 * The value at `path`: the member of exactly that name, else a dot descends into objects and arrays.
 * Own properties only, so that no path reaches a prototype.
 */
export function valueAt(object: JsonObject, path: string): unknown {
  if (Object.hasOwn(object, path)) return object[path]
  let value: unknown = object
  for (const name of path.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined
    value = Reflect.get(value, name)
  }
  return value
}

function parse(text: string): JsonObject | undefined {
  const value: unknown = JSON.parse(text, (name, member) => (name === '__proto__' ? undefined : member))
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  return value as JsonObject // an object that JSON.parse made
}

/** A string, or one character of structure. The closing quote is optional, so that no start is ever tried twice. */
const tokens = /"[^"\\]*(?:\\.[^"\\]*)*"?|[{}[\],:]/gs

function namesMemberTwice(text: string): boolean {
  const open: (Set<string> | undefined)[] = []
  let lastString: string | undefined
  for (const [token] of text.matchAll(tokens)) {
    if (token === '{') open.push(new Set())
    else if (token === '[') open.push(undefined)
    else if (token === '}' || token === ']') open.pop()
    else if (token === ':' && lastString !== undefined) {
      const names = open.at(-1)
      const name: string = JSON.parse(lastString)
      if (names?.has(name)) return true
      names?.add(name)
    }
    lastString = token.startsWith('"') ? token : undefined
  }
  return false
}
