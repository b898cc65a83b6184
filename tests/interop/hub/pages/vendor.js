// Every page of the vendor asks its own server for the options, and keeps the events for the test.
export const events = (window.events = []);

export const report = (name) => (detail) => events.push(detail === undefined ? [name] : [name, detail]);

export const loadOptions = async () => (await fetch("/options.json")).json();
