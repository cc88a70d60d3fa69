import type { UserAgent } from '@latchkey/testing'
import { expect } from 'vitest'
import type { Harness } from './harness.fixture.ts'
import { type RawResponse, rawRequest, valuesOf } from './raw-http.fixture.ts'

/** Name of the sign-in cookie of an app on http. */
export function sessionCookieName({ origin }: Pick<Harness, 'origin'>): string {
  return `latchkey-${new URL(origin).port}`
}

/** Value of a browser's sign-in cookie, `<locator>.<secret>`. */
export function sessionCookieOf(harness: Harness, browser: UserAgent): string {
  const value = browser.cookies.get(sessionCookieName(harness))?.value
  expect(value, 'the sign-in cookie').toBeDefined()
  return value ?? ''
}

/** Asks with exactly this `Cookie` header, as a script does. */
export function getWith(
  { origin }: Harness,
  target: string,
  cookieHeader: string,
  lines: readonly string[] = [],
): Promise<RawResponse> {
  const accept = 'Accept: application/json'
  return rawRequest(origin, { target, lines: [`Cookie: ${cookieHeader}`, accept, ...lines] })
}

/** Whom `/whoami` names for this `Cookie` header. The answer must set no cookie. */
export async function userFor(harness: Harness, cookieHeader: string): Promise<string | null> {
  const answer = await getWith(harness, '/whoami', cookieHeader)
  expect([answer.status, valuesOf(answer, 'set-cookie')]).toEqual([200, []])
  const { user } = JSON.parse(answer.body) as { user: string | null } // the harness's own route
  return user
}

/** The same for a value of the sign-in cookie. */
export function userOf(harness: Harness, value: string): Promise<string | null> {
  return userFor(harness, `${sessionCookieName(harness)}=${value}`)
}
