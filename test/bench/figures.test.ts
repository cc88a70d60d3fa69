import { describe, expect, it } from 'vitest'
import { figureOf, judged, quantileOf, ratios } from './figures.ts'

describe('the figures of a benchmark', () => {
  it('are minimum, median and maximum, rounded to what can be told apart', () => {
    expect(figureOf('a', [3, 1.23456, 20_000.4], { unit: 'ms' })).toEqual({
      figure: 'a',
      count: 3,
      min: 1.235,
      median: 3,
      max: 20_000,
      unit: 'ms',
    })
    expect(() => figureOf('a', [], { unit: 'ms' })).toThrow('no sample of: a')
  })

  it('compare each round with the same round of another contender', () => {
    expect(ratios([30, 10], [10, 20])).toEqual([3, 0.5])
  })

  it('say whether the median keeps a budget', () => {
    expect(judged([1, 2, 9], { atLeast: 2, unit: 'x' })).toBe('>= 2 x: met')
    expect(judged([1, 1.9, 9], { atLeast: 2, unit: 'x' })).toBe('>= 2 x: MISSED')
    expect(judged([1, 2, 9], { atMost: 1.5, unit: 'ms' })).toBe('<= 1.5 ms: MISSED')
    expect(judged([0], { atMost: 0, unit: 'ms' })).toBe('<= 0 ms: met')
  })

  it('find a quantile in any order', () => {
    expect(quantileOf([3, 1, 2], 0.5)).toBe(2)
  })
})
