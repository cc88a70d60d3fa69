import type { PageResponse, UserAgent } from '@latchkey/testing'
import { expect } from 'vitest'
import { events, type Harness } from './harness.fixture.ts'

/**
 * Begins a login and stops with the authorization response in hand: the callback URL that the browser would open next.
 * The authorization server has to approve by itself (`autoApprove`).
 */
export async function authorizationResponse(
  browser: UserAgent,
  loginUrl: string,
): Promise<{ readonly callbackUrl: URL; readonly authorizationUrl: URL }> {
  const authorizationUrl = new URL(locationOf(await browser.get(loginUrl, { redirect: 'manual' })))
  const answer = await browser.get(authorizationUrl, { redirect: 'manual', from: loginUrl })
  return { authorizationUrl, callbackUrl: new URL(locationOf(answer)) }
}

/** Where an answer leads. */
export function locationOf({ location, status }: Pick<PageResponse, 'location' | 'status'>): string {
  expect(location, `status ${status}`).toBeDefined()
  return location ?? ''
}

/** Every refusal of a callback: a fixed page that nobody may keep, and no sign-in. */
export function expectRefused(page: PageResponse, status = 400): void {
  expect(page.status).toBe(status)
  expect(page.headers).toMatchObject({
    'cache-control': 'no-store',
    'referrer-policy': 'no-referrer',
    'content-type': 'text/html; charset=utf-8',
    'x-content-type-options': 'nosniff',
    'content-security-policy': expect.stringContaining("default-src 'none'"),
  })
  expect(page.location).toBeUndefined()
  expect(page.setCookies.filter((cookie) => !/lk\.t\.[^;]+=; Max-Age=0;/.test(cookie))).toEqual([])
}

/** Why callbacks were refused, in order. */
export function reasons(...harnesses: readonly Harness[]): readonly unknown[] {
  return harnesses
    .flatMap((harness) => events(harness, 'callback.rejected'))
    .map((line) => line.fields.reason)
}

/** Whom the app takes a browser for. */
export async function whoami(browser: UserAgent, origin: string): Promise<unknown> {
  const { user } = JSON.parse((await browser.get(`${origin}/whoami`)).text) as { user: unknown } // our own route
  return user
}
