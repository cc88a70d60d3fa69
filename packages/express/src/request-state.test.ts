import express, { type Request } from 'express'
import { describe, expect, it } from 'vitest'
import { RequestStates } from './request-state.ts'

const newRequest = (): Request => Object.create(express.request) as Request // as Express makes them

describe('RequestStates', () => {
  it('keeps one state for each request', () => {
    const states = new RequestStates()
    const [one, other] = [newRequest(), newRequest()]
    expect(states.of(one)).toBe(states.of(one))
    expect(states.of(one)).not.toBe(states.of(other))
  })

  it('knows the request behind an object that inherits from it', () => {
    const states = new RequestStates()
    const req = newRequest()
    expect(states.of(req)).toBe(states.of(Object.create(req) as Request)) // which it inherits from
  })

  it('is of one instance: another has its own state of the same request', () => {
    const req = newRequest()
    expect(new RequestStates().of(req)).not.toBe(new RequestStates().of(req))
  })

  it('does not show on the request', () => {
    const req = newRequest()
    new RequestStates().of(req)
    expect(Reflect.ownKeys({ ...req })).toEqual([])
    expect(Object.keys(req)).toEqual([])
  })
})
