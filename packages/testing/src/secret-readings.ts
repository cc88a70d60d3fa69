import { inspect } from 'node:util'

/** One way to read a text: as it stands, or with an encoding undone. */
export interface Reading {
  readonly text: string
  readonly encoding: string
}

const DEEP_LIMIT = 1_000_000
const BASE64_RUN = /[A-Za-z0-9+/_-]{11,}/g
const HEX_RUN = /[0-9a-fA-F]{16,}/g
const PERCENT = /%([0-9a-fA-F]{2})/g

/** Everything that printing a value could show, as one Latin-1 text of its UTF-8 bytes. */
export function textOf(anything: unknown): string {
  if (typeof anything === 'string') return Buffer.from(anything).toString('latin1')
  if (anything instanceof Uint8Array) return Buffer.from(anything).toString('latin1')
  const parts = printouts(anything)
  for (const link of causes(anything)) parts.push(...printouts(link))
  return Buffer.from(parts.join('\n')).toString('latin1')
}

/** A text with each encoding undone, then each of those once more. Texts above 1 MB are read one level deep. */
export function* readings(text: string): Generator<Reading> {
  yield { text, encoding: 'plain' }
  for (const outer of decoded(text)) {
    yield outer
    if (text.length > DEEP_LIMIT) continue
    for (const inner of decoded(outer.text)) {
      yield { text: inner.text, encoding: `${outer.encoding}+${inner.encoding}` }
    }
  }
}

function* decoded(text: string): Generator<Reading> {
  if (text.includes('%')) {
    const unescaped = text.replace(PERCENT, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
    yield { text: unescaped, encoding: 'percent' }
  }
  for (let offset = 0; offset < 4; offset++) {
    yield { text: decodeRuns(text, BASE64_RUN, offset, 'base64'), encoding: 'base64' }
  }
  for (let offset = 0; offset < 2; offset++) {
    yield { text: decodeRuns(text, HEX_RUN, offset, 'hex'), encoding: 'hex' }
  }
}

/** Decodes every run that could be encoded, starting `offset` characters in, because a run may begin with other text. */
function decodeRuns(text: string, run: RegExp, offset: number, encoding: 'base64' | 'hex'): string {
  const parts: string[] = []
  for (const [match] of text.matchAll(run)) {
    parts.push(Buffer.from(match.slice(offset), encoding).toString('latin1'))
  }
  return parts.join('\n')
}

function printouts(value: unknown): string[] {
  const full = { depth: Infinity, showHidden: true, maxArrayLength: Infinity, maxStringLength: Infinity }
  const attempts = [
    () => inspect(value, full),
    () => JSON.stringify(value),
    () => String(value),
    () => (value instanceof Error ? value.stack : undefined),
  ]
  return attempts.map(quietly).filter((text) => text !== undefined)
}

/** A value whose own printing throws shows nothing that way. */
function quietly(attempt: () => string | undefined): string | undefined {
  try {
    return attempt()
  } catch {
    return undefined
  }
}

function* causes(value: unknown): Generator<unknown> {
  let current = value
  for (let depth = 0; depth < 20 && current instanceof Error; depth++) {
    if (current instanceof AggregateError) yield* current.errors
    current = current.cause
    if (current !== undefined) yield current
  }
}
