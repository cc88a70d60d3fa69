import { describe, expect, it } from 'vitest'
import { kindOf } from './key-sizes.ts'

describe('the kind of a key', () => {
  it.each([
    ['lk:{AbCdEfGhIjKlMnOpQrStUw}:s', 'lk:{…}:s'],
    ['lk:{AbCdEfGhIjKlMnOpQrStUw}:g:AbCdEfGhIjKlMnOpQrStUw', 'lk:{…}:g:…'],
    ['sess:AbCdEfGhIjKlMnOp-rStUw', 'sess:…'],
  ])('of %s is %s', (name, kind) => {
    expect(kindOf(name)).toBe(kind)
  })
})
