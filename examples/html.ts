/** What is HTML already and must not be escaped again. */
interface Raw {
  readonly raw: string
}

/** A page or a part of one: whatever is put into it is escaped, unless it is marked as `raw`. */
export function html(parts: TemplateStringsArray, ...values: readonly (string | number | Raw)[]): string {
  return String.raw({ raw: parts }, ...values.map((value) => (isRaw(value) ? value.raw : escaped(value))))
}

/** Marks safe HTML: a part that `html` made, or `auth.buttons()`. */
export function raw(safe: string | readonly string[]): Raw {
  return { raw: typeof safe === 'string' ? safe : safe.join('') }
}

function isRaw(value: string | number | Raw): value is Raw {
  return typeof value === 'object'
}

function escaped(value: string | number): string {
  return String(value).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}
