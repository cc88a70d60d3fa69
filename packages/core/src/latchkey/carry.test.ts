import { expect, it } from 'vitest'
import { carry } from './carry.ts'

class Counter {
  #count = 0
  readonly label = 'counter'

  add(): number {
    this.#count += 1
    return this.#count
  }

  hidden(): void {}
}

it('carries the named members, methods bound to their instance, and no others', () => {
  const carried = carry((text: string) => text.length, new Counter(), ['add', 'label'])
  const { add } = carried
  add()
  expect(add()).toBe(2)
  expect(carried.label).toBe('counter')
  expect(carried('abc')).toBe(3)
  expect(Object.keys(carried)).toEqual(['add', 'label'])
  expect('hidden' in carried).toBe(false)
})
