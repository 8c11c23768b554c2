"""What both adapters share: how a framework's objects are captured, and how a model's answer is read."""
