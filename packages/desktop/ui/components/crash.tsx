import { Component, type ReactNode } from "react";
import { Button } from "./button.tsx";
import { Notice } from "./signs.tsx";

/** A defect of one screen leaves the window standing: what it was, and a way on. */
export class Crash extends Component<{ children: ReactNode }, { error?: Error }> {
  override state: { error?: Error } = {};

  static getDerivedStateFromError(error: Error) {
    return { error };
  }

  override render() {
    const { error } = this.state;
    if (!error) return this.props.children;
    return (
      <div className="banner">
        <Notice
          tone="red"
          hint={error.message}
          action={
            <Button small onClick={() => location.reload()}>
              Load again
            </Button>
          }
        >
          Something went wrong in this window. The agent and your sessions go on.
        </Notice>
      </div>
    );
  }
}
