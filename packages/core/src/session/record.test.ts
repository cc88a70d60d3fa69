import { describe, expect, it } from 'vitest'
import { SealError } from '../crypto/seal.ts'
import { decodeSessionRecord, encodeSessionRecord, type SessionRecord } from './record.ts'
import { seededRandom } from './session.fixture.ts'

const record: SessionRecord = {
  user: {
    provider: 'example',
    id: 'ada',
    ids: { account: '42' },
    name: 'Ada',
    email: 'ada@app.example',
    emailVerified: true,
    picture: 'https://app.example/ada.png',
  },
  userId: 'example:ada',
  accounts: [
    {
      provider: 'example',
      id: 'ada',
      owner: 'session',
      grantId: 'grant',
      subject: 'subject',
      membership: { id: 'locator.random', joinedAt: 1_800_000_000.25 },
    },
    { provider: 'other', id: '7', owner: 'user', grantId: 'grant', subject: 'other subject' },
  ],
  membership: { id: 'locator.random', joinedAt: 1_800_000_000.25 },
  loginAt: 1_800_000_000.5,
  expiresAt: 1_802_592_000.5,
  secretDigest: 'digest',
  completed: {
    transaction: 'transaction',
    returnTo: '/',
    subject: 'subject',
    scope: ['read'],
    at: 1_800_000_000.5,
  },
}

function bytes(text: string): Uint8Array {
  return Buffer.from(text, 'utf8')
}

/** What a plaintext is taken for: a record, or the fault that refuses it. */
function outcome(plaintext: Uint8Array): SessionRecord | string {
  try {
    return decodeSessionRecord(plaintext)
  } catch (error) {
    if (error instanceof SealError) return error.fault
    throw error
  }
}

describe('the codec of session records', () => {
  it('gives back what it was given', () => {
    expect(decodeSessionRecord(encodeSessionRecord(record))).toEqual(record)
    const { ids: _, ...user } = record.user
    expect(decodeSessionRecord(encodeSessionRecord({ ...record, user })).user).toEqual(user)
  })

  it.each([
    '',
    'null',
    '{}',
    '[]',
    '""',
    '0',
    'true',
    'undefined',
    '{"schema":1}',
    '{"schema":0}',
    '{"schema":"1"}',
    '{"error":"x","schema":1}',
    '{"schema":1,"user":null}',
    '{"schema":-1}',
    '\u0000',
    '{"schema":1,',
  ])('case 50: takes %j for corrupt', (text) => {
    expect(outcome(bytes(text))).toBe('corrupt')
  })

  it('case 50: leaves a record of a newer version to the processes that can read it', () => {
    const newer = Buffer.from(encodeSessionRecord(record)).toString().replace('"schema":1', '"schema":2')
    expect(outcome(bytes(newer))).toBe('unknown_format')
  })

  it.each(['user', 'userId', 'accounts', 'loginAt', 'expiresAt', 'secretDigest', 'completed'])(
    'case 50: refuses a record without %s, or with another type there',
    (name) => {
      for (const wrong of [undefined, null, 'x', 7, true, [], {}, [null], { length: 1 }]) {
        if (typeof wrong === typeof Reflect.get(record, name) && typeof wrong !== 'object') continue
        if (name === 'accounts' && Array.isArray(wrong) && wrong.length === 0) continue
        expect(outcome(bytes(JSON.stringify({ schema: 1, ...record, [name]: wrong })))).toBe('corrupt')
      }
    },
  )

  it('case 50: survives 20,000 mutated plaintexts', () => {
    const random = seededRandom(50)
    const original = Buffer.from(encodeSessionRecord(record))
    let refused = 0
    for (let round = 0; round < 20_000; round += 1) {
      const mutated = Buffer.from(original)
      for (let edit = 0; edit <= random() * 4; edit += 1) {
        mutated[Math.floor(random() * mutated.length)] = Math.floor(random() * 256)
      }
      const cut = random() < 0.2 ? mutated.subarray(0, Math.floor(random() * mutated.length)) : mutated
      const result = outcome(cut)
      if (typeof result === 'string') refused += 1
      else
        expect(typeof result.user.id + typeof result.expiresAt + typeof result.secretDigest).toBe(
          'stringnumberstring',
        )
    }
    console.info(`session record: 20,000 mutated plaintexts, ${refused} refused, 0 crashes`)
    expect(refused).toBeGreaterThan(1_000)
  })

  it('case 85: lets no prototype through from the JSON', () => {
    const text = JSON.stringify({ schema: 1, ...record })
      .replace(
        '"name":"Ada"',
        '"__proto__":{"name":"Eve","admin":true},"constructor":{"prototype":{"admin":true}}',
      )
      .replace('"account":"42"', '"__proto__":"polluted"')
      .replace('"schema":1', '"schema":1,"__proto__":{"admin":true}')
    const decoded = decodeSessionRecord(bytes(text))
    expect(decoded.user.name).toBeUndefined()
    expect(Reflect.get(decoded.user, 'admin')).toBeUndefined()
    expect(Reflect.get(decoded, 'admin')).toBeUndefined()
    expect(Reflect.get({}, 'admin')).toBeUndefined()
    expect(Object.getPrototypeOf(decoded)).toBe(Object.prototype)
    expect(Object.getPrototypeOf(decoded.user.ids)).toBeNull()
    expect(Object.entries(decoded.user.ids ?? {})).toEqual([['__proto__', 'polluted']])
  })

  it('does not take inherited fields for those of the record', () => {
    const text = JSON.stringify({ schema: 1, ...record, user: undefined }).replace(
      '"schema":1',
      `"schema":1,"__proto__":{"user":${JSON.stringify(record.user)}}`,
    )
    expect(outcome(bytes(text))).toBe('corrupt')
  })

  it('freezes what many requests will share', () => {
    const decoded = decodeSessionRecord(encodeSessionRecord(record))
    expect(() => Reflect.apply(Array.prototype.push, decoded.accounts, [1])).toThrow(TypeError)
    expect(Reflect.set(decoded.user, 'id', 'eve')).toBe(false)
    expect(Reflect.set(decoded.user.ids ?? {}, 'account', '43')).toBe(false)
  })
})
