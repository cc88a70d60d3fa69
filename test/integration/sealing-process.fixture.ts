import { Sealer } from '../../packages/core/src/crypto/seal.ts'

// A process of its own, forked by a test. Its parent sends a secret and a count, and gets what was drawn for so many
// seals: salt and nonce, the bytes 5 to 33 of each.

process.once('message', ({ secret, count }: { readonly secret: string; readonly count: number }) => {
  const sealer = new Sealer([secret])
  const plaintext = Buffer.from('the same text')
  const binding = { kind: 'grant', name: 'the same name', version: 'the same version' } as const
  const drawn = Array.from({ length: count }, () => sealer.seal(binding, plaintext).subarray(5, 33))
  process.send?.(Buffer.concat(drawn).toString('base64'), () => process.disconnect())
})
