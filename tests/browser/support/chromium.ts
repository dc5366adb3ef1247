// One Chromium for all tests, with a profile on the disk as users have it: windows without one keep IndexedDB in memory.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BrowserContext, type CDPSession, chromium, type Page } from "playwright-core";
import { chromiumHelp, findChromium } from "../../../scripts/lib/chromium.mjs";
import { Site } from "./site.js";

// A slow machine is no failure; a test that is stuck is one, whenever it is found out.
const PATIENCE = 120_000;

let profile: string | undefined;
let context: BrowserContext | undefined;
const sites: Site[] = [];
let first: Promise<Site> | undefined;

async function launch(): Promise<BrowserContext> {
	if (context !== undefined) return context;
	const executablePath = findChromium();
	if (executablePath === undefined) throw new Error(chromiumHelp);
	profile ??= await mkdtemp(join(tmpdir(), "streamkit-browser-"));
	context = await chromium.launchPersistentContext(profile, {
		executablePath,
		// The sandbox refuses to run as root.
		args: ["--no-sandbox"],
		timeout: PATIENCE,
	});
	context.setDefaultTimeout(PATIENCE);
	return context;
}

/** A site of an origin of its own, with storage of its own. */
export async function newSite(): Promise<Site> {
	const site = await Site.start();
	sites.push(site);
	return site;
}

/** The site that most tests share. */
export function sharedSite(): Promise<Site> {
	first ??= newSite();
	return first;
}

/** A tab with the modules of page/main.ts. Errors that nobody caught fail the test that looks at `errors`. */
export async function openTab(site?: Site): Promise<Page> {
	const page = await (await launch()).newPage();
	await load(page, site ?? (await sharedSite()));
	return page;
}

/** Loads the page, and waits for its module. */
export async function load(page: Page, site: Site): Promise<void> {
	await page.goto(site.url("/"));
	await page.waitForFunction(() => "streamkit" in globalThis);
}

/** The browser's own controls, for one tab. */
export async function controls(page: Page): Promise<CDPSession> {
	return (await launch()).newCDPSession(page);
}

/** Ends the browser as a user does; the next tab is opened by another one, with the same profile. */
export async function quit(): Promise<void> {
	await context?.close();
	context = undefined;
}

/** Ends everything and removes the profile. */
export async function shutDown(): Promise<void> {
	await quit();
	await Promise.all(sites.map((site) => site.stop()));
	if (profile !== undefined) await rm(profile, { recursive: true, force: true, maxRetries: 5 });
}

let names = 0;

/** A database that no other test uses. */
export function freshName(): string {
	return `test-${++names}`;
}
