import { randomId } from '../crypto/random.ts'
import { type RecordSealer, SealError } from '../crypto/seal.ts'
import { list, number, object, sealedObject, text } from '../crypto/sealed-json.ts'
import type { TokenSet } from '../protocol/token.ts'
import type { GrantRef, VersionedRecord } from '../store/store.ts'
import { type Grant, grantName } from './grant.ts'

/** Format of the JSON inside the seal. A process that meets a higher one leaves the record alone. */
const schema = 1

/** Turns grants into sealed records and back: the only place where tokens are serialised. */
export class GrantCodec {
  readonly #sealer: RecordSealer

  constructor(sealer: RecordSealer) {
    this.#sealer = sealer
  }

  /** Seals a grant under a fresh random version. */
  seal(ref: GrantRef, grant: Grant): VersionedRecord {
    const version = randomId(128)
    const plaintext = Buffer.from(JSON.stringify({ schema, ...grant }), 'utf8')
    return { version, sealed: this.#sealer.seal({ kind: 'grant', name: grantName(ref), version }, plaintext) }
  }

  /** @throws {SealError} when the record is not exactly what was sealed for this grant and version. */
  open(ref: GrantRef, record: VersionedRecord): Grant {
    const binding = { kind: 'grant', name: grantName(ref), version: record.version } as const
    return parseGrant(this.#sealer.open(binding, record.sealed))
  }
}

function parseGrant(plaintext: Uint8Array): Grant {
  const parsed = sealedObject(plaintext, schema)
  const common = {
    authorizedAt: number(parsed.authorizedAt),
    refreshCount: number(parsed.refreshCount),
    ...(parsed.holder === undefined ? {} : { holder: text(parsed.holder) }),
  }
  if (parsed.state === 'live') return { state: 'live', tokens: parseTokenSet(parsed.tokens), ...common }
  if (parsed.state === 'empty') return { state: 'empty', ...common }
  if (parsed.state !== 'ended') throw new SealError('corrupt')
  return { state: 'ended', reason: text(parsed.reason), scope: list(parsed.scope).map(text), ...common }
}

function parseTokenSet(value: unknown): TokenSet {
  const from = object(value)
  const identity = from.identity === undefined ? undefined : object(from.identity)
  return {
    accessToken: text(from.accessToken),
    tokenType: text(from.tokenType),
    receivedAt: number(from.receivedAt),
    scope: list(from.scope).map(text),
    ...(from.expiresAt === undefined ? {} : { expiresAt: number(from.expiresAt) }),
    ...(from.refreshAfter === undefined ? {} : { refreshAfter: number(from.refreshAfter) }),
    ...(from.refreshToken === undefined ? {} : { refreshToken: text(from.refreshToken) }),
    ...(from.refreshTokenExpiresAt === undefined
      ? {}
      : { refreshTokenExpiresAt: number(from.refreshTokenExpiresAt) }),
    ...(from.idToken === undefined ? {} : { idToken: text(from.idToken) }),
    ...(identity === undefined
      ? {}
      : { identity: { issuer: text(identity.issuer), subject: text(identity.subject) } }),
  }
}
