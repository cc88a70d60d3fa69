import type { webcrypto } from 'node:crypto'
import { SignJWT } from 'jose'
import { systemClock } from '../clock.ts'

const lifetimeSeconds = 300

/** Who signs client secrets, and for whom. */
export interface SecretSigner {
  readonly issuer: string
  readonly keyId: string
  readonly audience: string
  /** P-256. */
  readonly privateKey: webcrypto.CryptoKey
}

/**
 * Makes client secrets that are JWTs, each for one request of the client that it is called with.
 * @see Apple, "Creating a client secret"
 */
export function signedClientSecret(signer: SecretSigner): (clientId: string) => Promise<string> {
  const { issuer, keyId, audience, privateKey } = signer
  return (clientId) => {
    const now = Math.floor(systemClock.now())
    return new SignJWT({})
      .setProtectedHeader({ alg: 'ES256', kid: keyId })
      .setIssuer(issuer)
      .setSubject(clientId)
      .setAudience(audience)
      .setIssuedAt(now)
      .setExpirationTime(now + lifetimeSeconds)
      .sign(privateKey)
  }
}
