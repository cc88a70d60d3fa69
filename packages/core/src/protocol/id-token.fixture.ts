import { createHmac, sign as cryptoSign, generateKeyPairSync, type KeyObject } from 'node:crypto'

/** A signing key of the fake authorization server. */
export interface SigningKey {
  readonly algorithm: string
  readonly keyId: string
  readonly privateKey: KeyObject
  /** What stands in its JWKS. */
  readonly jwk: Record<string, unknown>
}

export function rsaKey(keyId: string, algorithm = 'RS256', bits = 2048): SigningKey {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: bits })
  return {
    algorithm,
    keyId,
    privateKey,
    jwk: { ...publicKey.export({ format: 'jwk' }), kid: keyId, use: 'sig' },
  }
}

export function ecKey(keyId: string): SigningKey {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const jwk = { ...publicKey.export({ format: 'jwk' }), kid: keyId, use: 'sig' }
  return { algorithm: 'ES256', keyId, privateKey, jwk }
}

/** base64url of JSON or of text. */
export function part(value: unknown): string {
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')
}

/** A JWS over any header and payload, however wrong. `undefined` members are left out. */
export function signJwt(key: SigningKey, payload: unknown, header: Record<string, unknown> = {}): string {
  const input = `${part({ alg: key.algorithm, kid: key.keyId, ...header })}.${part(payload)}`
  const isEc = key.algorithm.startsWith('ES')
  const signature = cryptoSign(
    'sha256',
    Buffer.from(input),
    isEc ? { key: key.privateKey, dsaEncoding: 'ieee-p1363' } : key.privateKey,
  )
  return `${input}.${signature.toString('base64url')}`
}

/** A JWS with a shared secret. */
export function signHmac(
  secret: string | Buffer,
  payload: unknown,
  header: Record<string, unknown> = {},
): string {
  const input = `${part({ alg: 'HS256', ...header })}.${part(payload)}`
  return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`
}
