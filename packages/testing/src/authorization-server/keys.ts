import { createHmac, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'

/** A JSON object, as in a JWT header or payload. */
export type Claims = Readonly<Record<string, unknown>>

interface SigningKey {
  readonly kid: string
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject
}

/** The RS256 signing keys of a server. */
export class KeySet {
  /** Newest first. The first one is made when it is needed, because that takes a while. */
  #keys: readonly SigningKey[] = []

  /** Id of the key that signs now. */
  get kid(): string {
    return this.#current.kid
  }

  /** Makes a new signing key. The old ones stay published unless `keepOld` is false. */
  rotate(options: { readonly keepOld?: boolean } = {}): void {
    this.#keys = [newKey(), ...(options.keepOld === false ? [] : this.#published)]
  }

  /** The JWK Set with every published key (RFC 7517 §5). */
  jwks(): { readonly keys: readonly Claims[] } {
    return {
      keys: this.#published.map(({ kid, publicKey }) => ({
        ...publicKey.export({ format: 'jwk' }),
        kid,
        alg: 'RS256',
        use: 'sig',
      })),
    }
  }

  /** The public key as PEM, the text that a confused verifier would take for an HMAC secret. */
  publicPem(): string {
    return this.#current.publicKey.export({ format: 'pem', type: 'spki' }).toString()
  }

  /** A compact JWS with this header, payload and the current key. The header is not checked in any way. */
  signRs256(header: Claims, payload: Claims): string {
    const input = `${encode(header)}.${encode(payload)}`
    return `${input}.${sign('sha256', Buffer.from(input), this.#current.privateKey).toString('base64url')}`
  }

  get #published(): readonly SigningKey[] {
    if (this.#keys.length === 0) this.#keys = [newKey()]
    return this.#keys
  }

  get #current(): SigningKey {
    const [current = newKey()] = this.#published
    return current
  }
}

/** A compact JWS with an HMAC-SHA-256 over any secret. */
export function signHs256(header: Claims, payload: Claims, secret: string): string {
  const input = `${encode(header)}.${encode(payload)}`
  return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`
}

/** A JWT without signature. */
export function unsecured(header: Claims, payload: Claims): string {
  return `${encode(header)}.${encode(payload)}.`
}

function encode(part: Claims): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url')
}

function newKey(): SigningKey {
  return { kid: randomBytes(6).toString('hex'), ...generateKeyPairSync('rsa', { modulusLength: 2048 }) }
}
