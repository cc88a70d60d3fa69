import { randomBytes } from 'node:crypto'
import { readings, textOf } from './secret-readings.ts'

/** A secret that turned up where it must not be. Holds nothing of the secret itself. */
export interface FoundSecret {
  /** What kind of secret: `access_token`, `refresh_token`, `code`, `client_secret`, … */
  readonly kind: string
  /** Which secret of that kind, counted from 1 in the order of registration. */
  readonly ordinal: number
  /** How it was written: `plain`, `percent`, `base64`, `hex`, or two of them, outermost first. */
  readonly encoding: string
}

interface Secret {
  readonly kind: string
  readonly ordinal: number
}

const MARK = /LKM[0-9a-f]{12}/g
const LONG_RUN = /[A-Za-z0-9_-]{40,}/g
const SHORTEST = 8

/**
 * Remembers every secret that the emulators issue and finds them again in logs, pages, errors and bytes.
 * Share one over all servers of a test, then expect `marks.findIn(everythingThatLeft)` to be empty.
 */
export class SecretMarks {
  readonly #marked = new Map<string, Secret>()
  readonly #signatures = new Map<string, Secret>()
  readonly #others = new Map<string, Secret>()
  readonly #counts = new Map<string, number>()

  /** How many secrets are registered. */
  get size(): number {
    return this.#marked.size + this.#signatures.size + this.#others.size
  }

  /** Makes a new random secret that carries a mark, and registers it. `prefix` is put in front. */
  mint(kind: string, prefix = ''): string {
    const random = randomBytes(20).toString('hex')
    this.#marked.set(`LKM${random.slice(0, 12)}`, this.#register(kind))
    return `${prefix}LKM${random}`
  }

  /**
   * Registers a secret made elsewhere, such as a cookie value or a client secret. A JWT is known by its signature,
   * because its claims may be shown. Returns false, and registers nothing, below 8 characters: too many chance hits.
   */
  add(kind: string, secret: string): boolean {
    const signature = /^[\w-]+\.[\w-]+\.([\w-]{40,})$/.exec(secret)?.[1]
    if (signature !== undefined) this.#signatures.set(signature, this.#register(kind))
    else if (secret.length < SHORTEST) return false
    else if (!this.#others.has(secret)) this.#others.set(secret, this.#register(kind))
    return true
  }

  /**
   * Lists the secrets found in a string, in bytes, or in any value by way of `inspect` (depth, hidden fields),
   * JSON, `String`, stack and cause chain. Reads plain, percent-encoded, base64 and base64url at every alignment,
   * and hex, one inside the other up to two deep (one deep above 1 MB). Each secret is listed once.
   */
  findIn(anything: unknown): readonly FoundSecret[] {
    const found = new Map<Secret, FoundSecret>()
    for (const { text, encoding } of readings(textOf(anything))) {
      for (const secret of this.#secretsIn(text)) {
        if (!found.has(secret)) found.set(secret, { ...secret, encoding })
      }
    }
    return [...found.values()]
  }

  *#secretsIn(text: string): Generator<Secret> {
    for (const [mark] of text.matchAll(MARK)) {
      const secret = this.#marked.get(mark)
      if (secret !== undefined) yield secret
    }
    if (this.#signatures.size > 0) {
      for (const [run] of text.matchAll(LONG_RUN)) {
        const secret = this.#signatures.get(run)
        if (secret !== undefined) yield secret
      }
    }
    for (const [value, secret] of this.#others) {
      if (text.includes(Buffer.from(value).toString('latin1'))) yield secret
    }
  }

  #register(kind: string): Secret {
    const ordinal = (this.#counts.get(kind) ?? 0) + 1
    this.#counts.set(kind, ordinal)
    return { kind, ordinal }
  }
}
