import { describe, expect, it } from 'vitest'
import { digest } from './digest.ts'
import { type SealBinding, SealError, Sealer, type SealKind } from './seal.ts'

const kinds: readonly SealKind[] = ['session', 'grant', 'transaction', 'form_post']
const oldSecret = 'the old secret, long enough to seal with it'
const newSecret = 'the new secret, long enough to seal with it'
const text = new TextEncoder().encode('plain text')

function faultOf(open: () => unknown): string {
  try {
    open()
    return 'opened'
  } catch (error) {
    if (error instanceof SealError) return error.fault
    throw error
  }
}

describe('Sealer', () => {
  it('case 28: nothing sealed as one kind, name or version opens as another', () => {
    const sealer = new Sealer([newSecret])
    const bindings: SealBinding[] = kinds.flatMap((kind) => [
      { kind, name: 'one' },
      { kind, name: 'two' },
      { kind, name: 'one', version: 'v1' },
      { kind, name: 'one', version: 'v2' },
    ])
    let opened = 0
    for (const sealedAs of bindings) {
      const sealed = sealer.seal(sealedAs, text)
      for (const openedAs of bindings) {
        const fault = faultOf(() => sealer.open(openedAs, sealed))
        if (sealedAs === openedAs) expect(fault).toBe('opened')
        else expect(fault).toBe('corrupt')
        if (fault === 'opened') opened += 1
      }
    }
    expect(opened).toBe(bindings.length)
  })

  it('opens what any of its secrets sealed, and seals with the first', () => {
    const old = new Sealer([oldSecret])
    const mixed = new Sealer([newSecret, oldSecret])
    const binding = { kind: 'grant', name: 'one' } as const
    expect(mixed.open(binding, old.seal(binding, text))).toEqual(Buffer.from(text))
    expect(faultOf(() => old.open(binding, mixed.seal(binding, text)))).toBe('unknown_key')
  })

  it('tells what its first secret sealed from what another did', () => {
    const [old, mixed] = [new Sealer([oldSecret]), new Sealer([newSecret, oldSecret])]
    const binding = { kind: 'grant', name: 'one' } as const
    const seals = [old, mixed].map((sealer) => sealer.seal(binding, text))
    expect(seals.map((sealed) => mixed.isUpToDate(sealed))).toEqual([false, true])
    expect(seals.map((sealed) => old.isUpToDate(sealed))).toEqual([true, false])
    expect(mixed.isUpToDate(Buffer.alloc(0))).toBe(false)
  })

  it('tells a newer format from a broken value', () => {
    const sealer = new Sealer([newSecret])
    const binding = { kind: 'grant', name: 'one' } as const
    const sealed = Uint8Array.from(sealer.seal(binding, text))
    sealed[0] = 2
    expect(faultOf(() => sealer.open(binding, sealed))).toBe('unknown_format')
    expect(faultOf(() => sealer.open(binding, sealed.subarray(0, 20)))).toBe('corrupt')
  })

  it('never seals the same value twice to the same bytes', () => {
    const sealer = new Sealer([newSecret])
    const seals = Array.from({ length: 1_000 }, () => sealer.seal({ kind: 'grant', name: 'one' }, text))
    // Salt and nonce: together they are what may never repeat.
    const drawn = seals.map((sealed) => Buffer.from(sealed.subarray(5, 33)).toString('hex'))
    expect(new Set(drawn).size).toBe(1_000)
  })
})

describe('digest', () => {
  it('keeps labels and the borders between parts apart', () => {
    const digests = [digest('a', 'b', 'c'), digest('ab', 'c'), digest('a', 'bc'), digest('a', 'b', 'c', '')]
    expect(new Set(digests).size).toBe(digests.length)
    expect(digest('a', 'b')).toBe(digest('a', 'b'))
  })
})
