import { createHash } from 'node:crypto'
import { type Claims, type KeySet, signHs256, unsecured } from './keys.ts'

/** Changes to an ID token; `undefined` removes a header field or claim. */
export interface IdTokenChanges {
  readonly header?: Claims
  readonly claims?: Claims
}

/** What a policy's or behaviour's `idToken` function builds a right or wrong ID token with. */
export class IdTokenBuilder {
  /** The claims of the right ID token. */
  readonly claims: Claims
  /** The header of the right ID token. */
  readonly header: Claims
  /** Why it is issued: the exchange of a code or of a device's code, or a refresh. */
  readonly grantType: 'authorization_code' | 'refresh_token' | 'device_code'
  readonly #keys: KeySet
  readonly #clientSecret: string

  /** Made by the token endpoint. */
  constructor(
    keys: KeySet,
    claims: Claims,
    client: { readonly clientSecret?: string },
    grantType: IdTokenBuilder['grantType'],
  ) {
    this.#keys = keys
    this.#clientSecret = client.clientSecret ?? ''
    this.claims = claims
    this.header = { alg: 'RS256', typ: 'JWT', kid: keys.kid }
    this.grantType = grantType
  }

  /** Signed with the published RS256 key, header and claims changed as asked. */
  sign(changes: IdTokenChanges = {}): string {
    return this.#keys.signRs256({ ...this.header, ...changes.header }, { ...this.claims, ...changes.claims })
  }

  /** `alg: none`, no signature. */
  unsecured(changes: IdTokenChanges = {}): string {
    return unsecured(
      { ...this.header, alg: 'none', ...changes.header },
      { ...this.claims, ...changes.claims },
    )
  }

  /** HS256, keyed with the client secret, with the public key as PEM, or with a text of your own. */
  hs256(
    key: 'client-secret' | 'public-key' | { readonly secret: string },
    changes: IdTokenChanges = {},
  ): string {
    const header = { ...this.header, alg: 'HS256', ...changes.header }
    const known = key === 'client-secret' ? this.#clientSecret : this.#keys.publicPem()
    return signHs256(
      header,
      { ...this.claims, ...changes.claims },
      typeof key === 'object' ? key.secret : known,
    )
  }

  /** A right ID token with one bit of its signature turned. */
  brokenSignature(): string {
    const [header, payload, signature = ''] = this.sign().split('.')
    const bytes = Buffer.from(signature, 'base64url')
    bytes.writeUInt8(bytes.readUInt8(0) ^ 1, 0)
    return `${header}.${payload}.${bytes.toString('base64url')}`
  }
}

/** `at_hash` of an access token for RS256 and HS256 (OpenID Connect Core §3.1.3.6). */
export function accessTokenHash(accessToken: string): string {
  return createHash('sha256').update(accessToken).digest().subarray(0, 16).toString('base64url')
}
