import { fork } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { SealError, Sealer } from '../../packages/core/src/crypto/seal.ts'
import { countOf, countTimeoutMs } from './run-counts.fixture.ts'

const secret = randomBytes(32).toString('base64url')
const plaintext = Buffer.from('the same text')
const binding = { kind: 'grant', name: 'the same name', version: 'the same version' } as const

const [saltAt, nonceAt, cipherAt] = [5, 21, 33]
const drawnLength = cipherAt - saltAt

/** How many of the values occur before. Only their first 64 bits count, so none is overlooked. */
function repeated(prefixes: BigUint64Array): number {
  prefixes.sort()
  return prefixes.reduce((count, prefix, index) => count + Number(prefix === prefixes[index - 1]), 0)
}

function opens(sealer: Sealer, sealed: Uint8Array): boolean {
  try {
    return sealer.open(binding, sealed).length === plaintext.length
  } catch (error) {
    if (error instanceof SealError) return false
    throw error
  }
}

describe('case 48: AEAD nonce discipline', () => {
  it(
    'case 48: no two seals of the same text have the same key, or the same nonce',
    () => {
      const seals = countOf({ everyday: 100_000, full: 10_000_000 })
      const sealer = new Sealer([secret])
      const [salts, nonces] = [new BigUint64Array(seals), new BigUint64Array(seals)]
      for (let index = 0; index < seals; index += 1) {
        const sealed = Buffer.from(sealer.seal(binding, plaintext))
        salts[index] = sealed.readBigUInt64LE(saltAt)
        nonces[index] = sealed.readBigUInt64LE(nonceAt)
      }
      const found = { salts: repeated(salts), nonces: repeated(nonces) }
      console.log(`case 48: ${seals} seals, ${found.salts} repeated keys, ${found.nonces} repeated nonces`)
      expect(found).toEqual({ salts: 0, nonces: 0 })
    },
    countTimeoutMs,
  )

  it('case 48: the salt makes the key: with any other one nothing opens', () => {
    const sealer = new Sealer([secret])
    const [first, second] = [sealer.seal(binding, plaintext), sealer.seal(binding, plaintext)]
    const swapped = Uint8Array.from(first)
    swapped.set(second.subarray(saltAt, nonceAt), saltAt)
    expect([opens(sealer, first), opens(sealer, swapped)]).toEqual([true, false])
    for (let bit = 0; bit < (nonceAt - saltAt) * 8; bit += 1) {
      const changed = Uint8Array.from(first)
      changed[saltAt + (bit >> 3)] = (first[saltAt + (bit >> 3)] ?? 0) ^ (1 << (bit & 7))
      expect([bit, opens(sealer, changed)]).toEqual([bit, false])
    }
  })

  it('case 48: forked processes with the same secret draw different keys and nonces', async () => {
    const [processes, seals] = [4, 1_000]
    const file = fileURLToPath(new URL('./sealing-process.fixture.ts', import.meta.url))
    const execArgv = ['--conditions=@latchkey/source', '--disable-warning=ExperimentalWarning']
    const drawn = await Promise.all(
      Array.from({ length: processes }, async () => {
        const child = fork(file, { execArgv })
        child.send({ secret, count: seals })
        const [[message]] = await Promise.all([once(child, 'message'), once(child, 'exit')])
        return Buffer.from(String(message), 'base64')
      }),
    )
    const own = new Sealer([secret])
    const all = Buffer.concat([
      ...drawn,
      ...Array.from({ length: seals }, () => own.seal(binding, plaintext).subarray(saltAt, cipherAt)),
    ])
    const count = (processes + 1) * seals
    expect(all.length).toBe(count * drawnLength)
    for (const at of [0, nonceAt - saltAt]) {
      const prefixes = BigUint64Array.from({ length: count }, (_, index) =>
        all.readBigUInt64LE(index * drawnLength + at),
      )
      expect(repeated(prefixes)).toBe(0)
    }
  })
})
