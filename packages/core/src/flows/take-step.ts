import type { Session } from '../session/sessions.ts'
import { begin } from './begin.ts'
import { consentScope } from './consent.ts'
import type { FlowContext } from './context.ts'
import type { PlainRequest, Reply } from './http.ts'
import type { SignInClient } from './sign-in-client.ts'
import type { Step } from './step.ts'

/** Sends the browser to the authorization server, for a request that proved to come from our own pages. */
export async function takeStep(
  context: FlowContext,
  request: PlainRequest,
  session: Session,
  client: SignInClient,
  { purpose, subject, scope, prompt, params, returnTo }: Step,
): Promise<Reply> {
  const { locator, record } = session
  const { userId } = record
  const asked = { purpose, prompt, params, returnTo }
  if (subject === undefined) {
    return begin(context, request, client, { ...asked, session: { locator, userId }, scope })
  }
  const all = await consentScope(context, session, subject, scope)
  return begin(context, request, client, { ...asked, session: { locator, userId, subject }, scope: all })
}
